/*
 * columns: finds the fields of a record; nothing is copied. What a field may
 * hold is for frame to say.
 */
#include "columns.h"

#include <string.h>

int
columns_parse(struct columns *columns, const char *list)
{
	static const char *const names[] = {"id", "event", "data"};
	unsigned int seen = 0;
	size_t n, i;

	columns->n = 0;
	for (const char *name = list;; name += n + 1) {
		n = strcspn(name, ",");
		for (i = 0; i < COLUMNS_MAX; i++)
			if (strncmp(name, names[i], n) == 0 &&
			    names[i][n] == '\0')
				break;
		if (i == COLUMNS_MAX || seen & 1U << i ||
		    seen & 1U << COLUMN_DATA)
			return -1;
		seen |= 1U << i;
		columns->column[columns->n++] = (enum column)i;
		if (name[n] == '\0')
			return i == COLUMN_DATA ? 0 : -1;
	}
}

bool
columns_have_id(const struct columns *columns)
{
	for (size_t i = 0; i < columns->n; i++)
		if (columns->column[i] == COLUMN_ID)
			return true;
	return false;
}

void
columns_split(const struct columns *columns, struct event *event)
{
	struct bytes field[COLUMNS_MAX], rest = event->data;
	const char *tab;

	for (size_t i = 0; i + 1 < columns->n; i++) {
		tab = rest.n > 0 ? memchr(rest.at, '\t', rest.n) : NULL;
		if (tab == NULL)
			return;
		field[i] = (struct bytes){rest.at, (size_t)(tab - rest.at)};
		rest.n -= field[i].n + 1;
		rest.at = tab + 1;
	}
	for (size_t i = 0; i + 1 < columns->n; i++) {
		if (columns->column[i] == COLUMN_ID)
			event->id = field[i];
		else if (field[i].n > 0)
			event->type = field[i];
	}
	event->data = rest;
}
