/*
 * environment: leaves out the variables that a request sets, and makes a digest
 * of the rest. The digest includes variables of a request that are not known
 * here; it is SHA-256, so that no client can choose them to get another
 * channel's key.
 */
#include "environment.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

/*
 * Variables that a request or its connection sets: whole names end with "=".
 * Those of RFC 3875 section 4.1 come first, then those that the servers of
 * docs/servers.md add. Those made of host and path are here too, as the client
 * chooses these. Similar names that operators use are not (SSL_CERT_FILE,
 * AUTH_TOKEN).
 */
static const char of_request[] =
    "AUTH_TYPE= CONTENT_LENGTH= CONTENT_TYPE= HTTP_ PATH_INFO= "
    "PATH_TRANSLATED= QUERY_STRING= REMOTE_ADDR= REMOTE_HOST= "
    "REMOTE_IDENT= REMOTE_USER= REQUEST_METHOD= SCRIPT_NAME= "
    "SERVER_NAME= SERVER_PORT= SERVER_PROTOCOL= "
    /* most servers */
    "DOCUMENT_URI= HTTPS= REDIRECT_URI= REMOTE_PORT= REQUEST_SCHEME= "
    "REQUEST_URI= SERVER_ADDR= "
    /* Apache */
    "H2PUSH= H2_PUSH= H2_PUSHED= H2_PUSHED_ON= H2_STREAM_ID= "
    "H2_STREAM_TAG= HTTP2= REDIRECT_ERROR_NOTES= REDIRECT_URL= "
    "REMOTE_LOGNAME= SCRIPT_URI= SCRIPT_URL= SERVER_SIGNATURE= "
    "UNIQUE_ID= "
    /* TLS, in Apache and lighttpd */
    "SSL_CIPHER= SSL_CIPHER_ SSL_CLIENT_ SSL_COMPRESS_METHOD= "
    "SSL_PROTOCOL= SSL_SECURE_RENEG= SSL_SERVER_ SSL_SESSION_ "
    "SSL_SRP_USER= SSL_SRP_USERINFO= SSL_TLS_SNI= SSL_VERSION_ "
    /* yaws */
    "AUTH_PASSWORD= AUTH_USER= LOCAL_ADDR= LOGON_USER= "
    /* socat, ncat, tcpserver */
    "NCAT_LOCAL_ADDR= NCAT_LOCAL_PORT= NCAT_REMOTE_ADDR= "
    "NCAT_REMOTE_PORT= SOCAT_PEERADDR= SOCAT_PEERPORT= SOCAT_PID= "
    "SOCAT_SOCKADDR= SOCAT_SOCKPORT= TCPCONNNUM= TCPLOCALHOST= "
    "TCPLOCALIP= TCPLOCALPORT= TCPREMOTEHOST= TCPREMOTEINFO= "
    "TCPREMOTEIP= TCPREMOTEPORT= "
    /* systemd, for each service that a connection starts */
    "INVOCATION_ID= JOURNAL_STREAM= LISTEN_PID= LISTEN_PIDFDID= "
    "MEMORY_PRESSURE_WATCH= SO_COOKIE= SYSTEMD_EXEC_PID= "
    /* bash sets these anew in each process */
    "SHLVL= _= ";

/* Set instead; CGI libraries require some of these. */
static char *const plain[] = {"QUERY_STRING=", "REQUEST_METHOD=GET",
    "SERVER_NAME=localhost", "SERVER_PORT=80", "SERVER_PROTOCOL=HTTP/1.1"};

#define PLAIN (sizeof(plain) / sizeof(*plain))

static bool
is_of_request(const char *variable)
{
	size_t n;

	for (;; variable += 9) {
		for (const char *name = of_request; *name != '\0';
		     name += n + 1) {
			n = strcspn(name, " ");
			if (strncmp(variable, name, n) == 0)
				return true;
		}
		/* Apache's prefix for those of a redirected request */
		if (strncmp(variable, "REDIRECT_", 9) != 0)
			return false;
	}
}

/* Inserts a variable in order, unless its name is there. Returns the new n. */
static size_t
insert(char **list, size_t n, char *variable)
{
	size_t name = strcspn(variable, "=") + 1, at = n;

	for (size_t i = 0; i < n; i++)
		if (strncmp(list[i], variable, name) == 0)
			return n;
	for (; at > 0 && strcmp(list[at - 1], variable) > 0; at--)
		list[at] = list[at - 1];
	list[at] = variable;
	return n + 1;
}

char **
environment_make(void)
{
	char **list;
	size_t all = 0, n = 0;

	while (environ != NULL && environ[all] != NULL)
		all++;
	list = malloc((all + PLAIN + 1) * sizeof(*list));
	if (list == NULL)
		return NULL;
	for (size_t i = 0; i < all; i++)
		if (!is_of_request(environ[i]))
			n = insert(list, n, environ[i]);
	for (size_t i = 0; i < PLAIN; i++)
		n = insert(list, n, plain[i]);
	list[n] = NULL;
	return list;
}

/* SHA-256 (FIPS 180-4), byte by byte. */
struct sha256 {
	uint32_t state[8];
	uint64_t n; /* bytes taken */
	unsigned char block[64];
};

static const uint32_t round_constants[64] = {0x428a2f98, 0x71374491, 0xb5c0fbcf,
    0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98,
    0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7,
    0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
    0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8,
    0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e,
    0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,
    0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c,
    0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee,
    0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
    0xc67178f2};

static uint32_t
rotate(uint32_t word, int n)
{
	return word >> n | word << (32 - n);
}

static void
take_block(struct sha256 *sha)
{
	uint32_t w[64], s[8], a, b;
	const unsigned char *from = sha->block;

	for (size_t i = 0; i < 16; i++, from += 4)
		w[i] = (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 |
		       (uint32_t)from[2] << 8 | from[3];
	for (size_t i = 16; i < 64; i++) {
		a = w[i - 15];
		b = w[i - 2];
		w[i] = w[i - 16] + w[i - 7] +
		       (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) +
		       (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
	}
	memcpy(s, sha->state, sizeof(s));
	for (size_t i = 0; i < 64; i++) {
		a = s[7] + round_constants[i] + w[i] +
		    (rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25)) +
		    ((s[4] & s[5]) ^ (~s[4] & s[6]));
		b = (rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22)) +
		    ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
		memmove(s + 1, s, 7 * sizeof(*s));
		s[4] += a;
		s[0] = a + b;
	}
	for (size_t i = 0; i < 8; i++)
		sha->state[i] += s[i];
}

static void
take_byte(struct sha256 *sha, unsigned char byte)
{
	sha->block[sha->n++ % sizeof(sha->block)] = byte;
	if (sha->n % sizeof(sha->block) == 0)
		take_block(sha);
}

/* With the NUL: no two lists of words are the same bytes. */
static void
take_text(struct sha256 *sha, const char *text)
{
	do {
		take_byte(sha, (unsigned char)*text);
	} while (*text++ != '\0');
}

static void
finish(struct sha256 *sha, char digest[ENVIRONMENT_DIGEST_N + 1])
{
	uint64_t bits = sha->n * 8;

	take_byte(sha, 0x80);
	while (sha->n % sizeof(sha->block) != 56)
		take_byte(sha, 0);
	for (int shift = 56; shift >= 0; shift -= 8)
		take_byte(sha, (unsigned char)(bits >> shift));
	for (size_t i = 0; i < ENVIRONMENT_DIGEST_N / 8; i++)
		(void)snprintf(digest + 8 * i, 9, "%08jx",
		    (uintmax_t)sha->state[i]); /* it fits */
}

int
environment_digest(char *const command[], char *const environment[],
    char digest[ENVIRONMENT_DIGEST_N + 1])
{
	struct sha256 sha = {
	    .state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
		0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
	char text[PATH_MAX];
	size_t words = 0;

	if (getcwd(text, sizeof(text)) == NULL)
		return -1;
	take_text(&sha, text);
	while (command[words] != NULL)
		words++;
	(void)snprintf(text, sizeof(text), "%zu", words); /* it fits */
	take_text(&sha, text);
	for (size_t i = 0; i < words; i++)
		take_text(&sha, command[i]);
	for (; *environment != NULL; environment++)
		take_text(&sha, *environment);
	finish(&sha, digest);
	return 0;
}
