/*
 * tls: a TLS client over a non-blocking socket, which stays the caller's. The
 * server's certificate is checked against the authorities in files or the
 * system's, and must be for the requested host. With NO_TLS, which the Makefile
 * defines if there is no OpenSSL, TLS_BUILT is false and nothing else here may
 * be called.
 */
#ifndef TLS_H
#define TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct ssl_st; /* OpenSSL calls it SSL */

/* Files in PEM; NULL for none. */
struct tls_files {
	const char *ca;   /* authorities to trust instead of the system's */
	const char *cert; /* our own certificate, with its chain */
	const char *key;  /* its private key */
};

#ifdef NO_TLS
#define TLS_BUILT false
/* Compiled but never called. */
#define tls_open(fd, host, other, files) ((struct ssl_st *)NULL)
#define tls_read(tls, to, n) ((ssize_t)-1)
#define tls_write(tls, from, n) ((ssize_t)-1)
#define tls_events(tls) ((short)0)
#define tls_why(tls) ((void)(tls), "no TLS")
#define tls_close(tls) ((void)(tls))
#else
#define TLS_BUILT true

/*
 * Begins a session on fd with host, a name or an IP address. If it is an IP
 * address, the certificate may be for the name other instead (NULL: none),
 * which must outlive the session. Returns NULL with errno ENOMEM, or ENOKEY if
 * a file cannot be used.
 */
struct ssl_st *tls_open(
    int fd, const char *host, const char *other, const struct tls_files *files);

/*
 * As read and write on a non-blocking socket: bytes, 0 at the end, or -1 with
 * errno: EAGAIN until the socket is ready for tls_events; EKEYREJECTED if the
 * server's certificate is rejected; EPROTOTYPE if the peer breaks the TLS
 * protocol. The first calls also do the handshake.
 */
ssize_t tls_read(struct ssl_st *tls, char *to, size_t n);
ssize_t tls_write(struct ssl_st *tls, const char *from, size_t n);

/* What the last EAGAIN waits for: POLLIN or POLLOUT. */
short tls_events(const struct ssl_st *tls);

/* Why the certificate was rejected, after EKEYREJECTED: a fixed string. */
const char *tls_why(const struct ssl_st *tls);

/* Frees the session, which may be NULL; keeps errno. */
void tls_close(struct ssl_st *tls);

#endif

#endif
