/*
 * columns: the fields of a record that TABs divide (-c id,event,data). It
 * prints nothing and does no I/O.
 */
#ifndef COLUMNS_H
#define COLUMNS_H

#include <stdbool.h>
#include <stddef.h>

#include "frame.h"
#include "record.h"

#define COLUMNS_MAX 3

enum column { COLUMN_ID, COLUMN_EVENT, COLUMN_DATA };

struct columns {
	size_t n; /* 0: a record is all data */
	enum column column[COLUMNS_MAX];

	/* its own, of a record in pieces */
	bool holds; /* from the first to the last */
	char *held; /* a copy of its columns, or NULL */
	struct bytes held_id;
	struct bytes held_type;
};

/*
 * Reads a list of id, event and data, separated by commas: each once at the
 * most, data last. Returns 0, or -1 if it is no such list.
 */
int columns_parse(struct columns *columns, const char *list);

/* Whether ids are the source's own. */
bool columns_have_id(const struct columns *columns);

/*
 * Makes fields of a record; event has the type that counts without a column of
 * it, and if that is empty. The columns are those of its first line; if that
 * has too few TABs, the record is all data. Each piece of a long record is of
 * the record's type, and the last one has its id: a client that comes back with
 * it has had the whole. The fields are valid as long as the record. Returns 0,
 * or -1 with errno ENOMEM.
 */
int columns_event(
    struct columns *columns, const struct record *record, struct event *event);

/* Frees what columns_event took. */
void columns_free(struct columns *columns);

#endif
