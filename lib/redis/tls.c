/*
 * tls: one OpenSSL session over a socket: its checks of the certificate, and
 * its errors as errno. It waits for nothing.
 */
#include "tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdlib.h>

struct tls {
	SSL_CTX *context;
	SSL *ssl;
	const char *other;
	short events;
};

/* Loads the authorities to trust and our own certificate. Returns 0 or -1. */
static int
load(SSL_CTX *context, const struct tls_files *files)
{
	int ok;

	if (files->ca != NULL)
		ok = SSL_CTX_load_verify_locations(context, files->ca, NULL);
	else
		ok = SSL_CTX_set_default_verify_paths(context);
	if (ok == 1 && files->cert != NULL)
		ok = SSL_CTX_use_certificate_chain_file(context, files->cert);
	if (ok == 1 && files->key != NULL)
		ok = SSL_CTX_use_PrivateKey_file(
		    context, files->key, SSL_FILETYPE_PEM);
	return ok == 1 ? 0 : -1;
}

/*
 * Called for each certificate after OpenSSL's own check: accepts one that is
 * not for the address if it is for the name.
 */
static int
verify(int ok, X509_STORE_CTX *store)
{
	const SSL *ssl = X509_STORE_CTX_get_ex_data(
	    store, SSL_get_ex_data_X509_STORE_CTX_idx());
	const struct tls *tls = SSL_get_app_data(ssl);

	if (ok == 1 || tls->other == NULL ||
	    X509_STORE_CTX_get_error(store) != X509_V_ERR_IP_ADDRESS_MISMATCH)
		return ok;
	if (X509_check_host(
		X509_STORE_CTX_get0_cert(store), tls->other, 0, 0, NULL) != 1)
		return 0;
	X509_STORE_CTX_set_error(store, X509_V_OK);
	return 1;
}

/* Demands a certificate for host: an address, or else a name. */
static int
expect(SSL *ssl, const char *host)
{
	if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1)
		return 0;
	if (SSL_set1_host(ssl, host) != 1 ||
	    SSL_set_tlsext_host_name(ssl, host) != 1)
		return -1;
	return 0;
}

struct tls *
tls_open(
    int fd, const char *host, const char *other, const struct tls_files *files)
{
	struct tls *tls = calloc(1, sizeof(*tls));

	if (tls == NULL)
		return NULL;
	tls->context = SSL_CTX_new(TLS_client_method());
	errno = ENOMEM;
	if (tls->context == NULL)
		goto fail;
	SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, verify);
	SSL_CTX_set_mode(tls->context, SSL_MODE_ENABLE_PARTIAL_WRITE |
					   SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
#ifdef SSL_OP_IGNORE_UNEXPECTED_EOF /* OpenSSL 3; before it was no error */
	/* a reply cannot be cut unseen: an end without goodbye is no attack */
	SSL_CTX_set_options(tls->context, SSL_OP_IGNORE_UNEXPECTED_EOF);
#endif
	if (SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION) != 1 ||
	    load(tls->context, files) == -1) {
		errno = ENOKEY;
		goto fail;
	}
	errno = ENOMEM;
	tls->ssl = SSL_new(tls->context);
	if (tls->ssl == NULL || SSL_set_fd(tls->ssl, fd) != 1 ||
	    SSL_set_app_data(tls->ssl, tls) != 1 ||
	    expect(tls->ssl, host) == -1)
		goto fail;
	SSL_set_connect_state(tls->ssl);
	tls->other = other;
	return tls;
fail:
	ERR_clear_error();
	tls_close(tls);
	return NULL;
}

/* What a read or a write has returned, as tls_read says it. */
static ssize_t
result(struct tls *tls, int returned, const size_t *done)
{
	int saved = errno;
	int error = SSL_get_error(tls->ssl, returned);

	ERR_clear_error();
	switch (error) {
	case SSL_ERROR_NONE: return (ssize_t)*done;
	case SSL_ERROR_ZERO_RETURN: return 0;
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		tls->events = error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
		errno = EAGAIN;
		return -1;
	case SSL_ERROR_SYSCALL: errno = saved; return saved == 0 ? 0 : -1;
	default:
		errno = SSL_get_verify_result(tls->ssl) == X509_V_OK
			    ? EPROTOTYPE
			    : EKEYREJECTED;
		return -1;
	}
}

ssize_t
tls_read(struct tls *tls, char *to, size_t n)
{
	size_t done = 0;

	ERR_clear_error();
	errno = 0;
	return result(tls, SSL_read_ex(tls->ssl, to, n, &done), &done);
}

ssize_t
tls_write(struct tls *tls, const char *from, size_t n)
{
	size_t done = 0;
	ssize_t written;

	ERR_clear_error();
	errno = 0;
	written = result(tls, SSL_write_ex(tls->ssl, from, n, &done), &done);
	if (written != 0)
		return written;
	errno = ECONNRESET;
	return -1;
}

short
tls_events(const struct tls *tls)
{
	return tls->events;
}

const char *
tls_why(const struct tls *tls)
{
	return X509_verify_cert_error_string(SSL_get_verify_result(tls->ssl));
}

void
tls_close(struct tls *tls)
{
	int saved = errno;

	if (tls == NULL)
		return;
	SSL_free(tls->ssl);
	SSL_CTX_free(tls->context);
	free(tls);
	errno = saved;
}
