/* fflush: the filter as one writes it in C, with a flush after each event. */
#include <stdio.h>
#include <stdlib.h>

int
main(void)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t n;

	while ((n = getline(&line, &room, stdin)) > 0) {
		if (line[n - 1] == '\n')
			line[n - 1] = '\0';
		if (printf("data: %s\n\n", line) < 0 || fflush(stdout) == EOF)
			return 1;
	}
	free(line);
	return 0;
}
