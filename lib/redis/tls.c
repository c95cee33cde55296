/*
 * tls: an OpenSSL session on a socket: checks the certificate, and maps
 * OpenSSL's errors to errno. It never waits.
 */
#include "tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>

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
 * Called for each certificate after OpenSSL's own check: accepts a certificate
 * that is not for the IP address but for other.
 */
static int
verify(int ok, X509_STORE_CTX *store)
{
	const SSL *ssl = X509_STORE_CTX_get_ex_data(
	    store, SSL_get_ex_data_X509_STORE_CTX_idx());
	const char *other = SSL_get_app_data(ssl);

	if (ok == 1 || other == NULL ||
	    X509_STORE_CTX_get_error(store) != X509_V_ERR_IP_ADDRESS_MISMATCH)
		return ok;
	if (X509_check_host(
		X509_STORE_CTX_get0_cert(store), other, 0, 0, NULL) != 1)
		return 0;
	X509_STORE_CTX_set_error(store, X509_V_OK);
	return 1;
}

/* Requires a certificate for host: an IP address, or else a name. */
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

/* Returns NULL with errno ENOMEM or ENOKEY. */
static SSL_CTX *
new_context(const struct tls_files *files)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	errno = ENOMEM;
	if (context == NULL)
		return NULL;
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, verify);
	SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
#ifdef SSL_OP_IGNORE_UNEXPECTED_EOF /* OpenSSL 3; no error before */
	/* EOF without close_notify: a cut reply is incomplete in any case */
	SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
#endif
	if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
	    load(context, files) == 0)
		return context;
	errno = ENOKEY;
	SSL_CTX_free(context);
	return NULL;
}

SSL *
tls_open(
    int fd, const char *host, const char *other, const struct tls_files *files)
{
	SSL_CTX *context = new_context(files);
	SSL *ssl = NULL;

	if (context != NULL) {
		ssl = SSL_new(context);
		SSL_CTX_free(context); /* ssl has a reference */
		errno = ENOMEM;
	}
	if (ssl != NULL && (SSL_set_fd(ssl, fd) != 1 ||
			       SSL_set_app_data(ssl, (void *)other) != 1 ||
			       expect(ssl, host) == -1)) {
		SSL_free(ssl);
		ssl = NULL;
	}
	if (ssl != NULL)
		SSL_set_connect_state(ssl);
	ERR_clear_error();
	return ssl;
}

/* Converts what SSL_read_ex or SSL_write_ex returned to tls_read's result. */
static ssize_t
result(SSL *tls, int returned, const size_t *done)
{
	int saved = errno;
	int error = SSL_get_error(tls, returned);

	ERR_clear_error();
	switch (error) {
	case SSL_ERROR_NONE: return (ssize_t)*done;
	case SSL_ERROR_ZERO_RETURN: return 0;
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE: errno = EAGAIN; return -1;
	case SSL_ERROR_SYSCALL: errno = saved; return saved == 0 ? 0 : -1;
	default:
		errno = SSL_get_verify_result(tls) == X509_V_OK ? EPROTOTYPE
								: EKEYREJECTED;
		return -1;
	}
}

ssize_t
tls_read(SSL *tls, char *to, size_t n)
{
	size_t done = 0;

	ERR_clear_error();
	errno = 0;
	return result(tls, SSL_read_ex(tls, to, n, &done), &done);
}

ssize_t
tls_write(SSL *tls, const char *from, size_t n)
{
	size_t done = 0;
	ssize_t written;

	ERR_clear_error();
	errno = 0;
	written = result(tls, SSL_write_ex(tls, from, n, &done), &done);
	if (written != 0)
		return written;
	errno = ECONNRESET;
	return -1;
}

short
tls_events(const SSL *tls)
{
	return SSL_want_write(tls) ? POLLOUT : POLLIN;
}

const char *
tls_why(const SSL *tls)
{
	return X509_verify_cert_error_string(SSL_get_verify_result(tls));
}

void
tls_close(SSL *tls)
{
	int saved = errno;

	SSL_free(tls); /* or NULL */
	errno = saved;
}
