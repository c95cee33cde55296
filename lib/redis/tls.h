/*
 * tls: TLS as a client over a connected, non-blocking socket, which stays the
 * caller's. The server's certificate is checked, against the files below or
 * the system's, and must be for the host that was asked for. Where OpenSSL
 * is not to be had, notls stands in: there tls_open fails with ENOTSUP.
 */
#ifndef TLS_H
#define TLS_H

#include <stddef.h>
#include <sys/types.h>

struct tls;

/* Files in PEM; NULL where there is none. */
struct tls_files {
	const char *ca;   /* authorities to trust in the system's place */
	const char *cert; /* our own certificate, with its chain */
	const char *key;  /* its private key */
};

/*
 * The session for a server called host, a name or an IP address. If it is an
 * IP address, the certificate may be for the name other in its place, which
 * must stand as long as the session; NULL is none. Returns NULL with errno
 * ENOTSUP, ENOMEM, or EINVAL: a file cannot be used.
 */
struct tls *tls_open(
    int fd, const char *host, const char *other, const struct tls_files *files);

/*
 * Goes on with the handshake. Returns 0 when it is done, or -1 with errno:
 * EAGAIN until the socket is ready for tls_events; EACCES where the server's
 * certificate is not good; EPROTO for all else.
 */
int tls_shake(struct tls *tls);

/*
 * As read and write on a non-blocking socket: bytes, 0 at the end, or -1
 * with errno; EAGAIN until the socket is ready for tls_events.
 */
ssize_t tls_read(struct tls *tls, char *to, size_t n);
ssize_t tls_write(struct tls *tls, const char *from, size_t n);

/* What the last EAGAIN waits for: POLLIN or POLLOUT. */
short tls_events(const struct tls *tls);

/* Why a certificate is not good, for EACCES: a fixed string. */
const char *tls_why(const struct tls *tls);

/* Frees it; NULL is no session and does nothing. */
void tls_close(struct tls *tls);

#endif
