/*
 * notls: tls.h where there is no OpenSSL. tls_open says so, and nothing else
 * is ever called.
 */
#include <errno.h>

#include "tls.h"

struct tls *
tls_open(
    int fd, const char *host, const char *other, const struct tls_files *files)
{
	(void)fd;
	(void)host;
	(void)other;
	(void)files;
	errno = ENOTSUP;
	return NULL;
}

int
tls_shake(struct tls *tls)
{
	(void)tls;
	errno = ENOTSUP;
	return -1;
}

ssize_t
tls_read(struct tls *tls, char *to, size_t n)
{
	(void)to;
	(void)n;
	return tls_shake(tls);
}

ssize_t
tls_write(struct tls *tls, const char *from, size_t n)
{
	(void)from;
	(void)n;
	return tls_shake(tls);
}

short
tls_events(const struct tls *tls)
{
	(void)tls;
	return 0;
}

const char *
tls_why(const struct tls *tls)
{
	(void)tls;
	return "no TLS";
}

void
tls_close(struct tls *tls)
{
	(void)tls;
}
