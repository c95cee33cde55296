/*
 * columns: the fields of a record that TABs divide (-c id,event,data).
 */
#ifndef PIPE_COLUMNS_H
#define PIPE_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>

#include "../frame.h"

#define COLUMNS_MAX 3

enum column { COLUMN_ID, COLUMN_EVENT, COLUMN_DATA };

struct columns {
	size_t n; /* 0: a record is all data */
	enum column column[COLUMNS_MAX];
};

/*
 * Reads a list of id, event and data, separated by commas: each once at the
 * most, data last. Returns 0, or -1 where it is none.
 */
int columns_parse(struct columns *columns, const char *list);

/* Whether ids are the source's own. */
bool columns_have_id(const struct columns *columns);

/*
 * Makes fields of event's data, which is a record. With too few TABs it stays
 * all data; an empty event column leaves event's type.
 */
void columns_split(const struct columns *columns, struct event *event);

#endif
