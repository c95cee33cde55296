/*
 * post: publishes each line of stdin to nchan, over one connection to
 * 127.0.0.1, and waits for the answer of each.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int
main(int argc, char *argv[])
{
	struct sockaddr_in to = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	char line[256], request[512], answer[4096];
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1, n;

	if (argc != 3 || fd == -1) {
		fputs("usage: post PORT PATH\n", stderr);
		return 2;
	}
	to.sin_port = htons((in_port_t)strtoul(argv[1], NULL, 10));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == -1) {
		perror("post: connect");
		return 1;
	}
	while (fgets(line, sizeof(line), stdin) != NULL) {
		n = snprintf(request, sizeof(request),
		    "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\n"
		    "Content-Length: %zu\r\n\r\n%.*s",
		    argv[2], strcspn(line, "\n"), (int)strcspn(line, "\n"),
		    line);
		/* the answer is small and comes in one piece */
		if (n < 0 || write(fd, request, (size_t)n) != n ||
		    read(fd, answer, sizeof(answer)) <= 0) {
			perror("post");
			return 1;
		}
	}
	return 0;
}
