/*
 * script: the kernel passes the name of such a file as an argument, after the
 * options in one word. Only the first line of the file is used.
 */
#include "script.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#define BLANKS " \t"

/* Returns the first line without its LF, to be freed; or NULL with errno. */
static char *
read_line(const char *file)
{
	char *line = malloc(SCRIPT_LINE_MAX);
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;

	if (fd != -1 && line != NULL)
		n = read(fd, line, SCRIPT_LINE_MAX - 1);
	if (fd != -1)
		(void)close(fd);
	if (n != -1) {
		line[n] = '\0';
		if (strlen(line) < SCRIPT_LINE_MAX - 1 ||
		    strchr(line, '\n') != NULL) {
			line[strcspn(line, "\n")] = '\0';
			return line;
		}
		errno = EMSGSIZE;
	}
	free(line);
	return NULL;
}

/* Finds FILE, the argument that is the path given to execve(2); or NULL. */
static char *
find_file(int argc, char *argv[], int *at)
{
	/* an address: NOLINTNEXTLINE(performance-no-int-to-ptr) */
	const char *started = (const char *)getauxval(AT_EXECFN);

	for (*at = 1; *at < argc && *at <= 2; ++*at)
		if (started != NULL && strcmp(argv[*at], started) == 0)
			return argv[*at];
	return NULL;
}

int
script_arguments(int *argc, char **argv[])
{
	static char end[] = "--", sh[] = "sh";
	int at, n = 0, rest;
	char *file = find_file(*argc, *argv, &at), *line, *word, *more;
	char **words;

	if (file == NULL)
		return 0;
	rest = getenv("REQUEST_METHOD") == NULL ? *argc - at - 1 : 0;
	line = read_line(file);
	if (line != NULL && strncmp(line, "#!", 2) != 0) {
		free(line); /* of the executable: no script */
		return 0;
	}
	words = line == NULL ? NULL
			     : calloc(SCRIPT_LINE_MAX / 2 + 5 + (size_t)rest,
				   sizeof(*words));
	if (words == NULL) {
		free(line);
		(*argv)[0] = file;
		*argc = 1;
		return -1;
	}
	words[n++] = file;
	/* the first word is this program */
	word = strtok_r(line + 2 + strspn(line + 2, BLANKS), BLANKS, &more);
	while (word != NULL && (word = strtok_r(NULL, BLANKS, &more)) != NULL)
		words[n++] = word;
	if (strcmp(words[n - 1], end) != 0)
		words[n++] = end;
	words[n++] = sh;
	words[n++] = file;
	for (int i = 0; i < rest; i++)
		words[n++] = (*argv)[at + 1 + i];
	*argv = words;
	*argc = n;
	return 1;
}
