/*
 * columns: the TAB-separated fields of a record (-c id,event,data). It prints
 * nothing and does no I/O.
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
	size_t n; /* 0: the whole record is data */
	enum column column[COLUMNS_MAX];

	/* private: of a record in pieces */
	bool holds; /* from its first piece to its last */
	char *held; /* a copy of its columns, or NULL */
	struct bytes held_id;
	struct bytes held_type;
};

/*
 * Parses a comma-separated list of id, event and data: each at most once, data
 * last. Returns 0, or -1 if list is no such list.
 */
int columns_parse(struct columns *columns, const char *list);

/* Whether the list names that column. */
bool columns_have(const struct columns *columns, enum column column);

/*
 * Splits a record into the fields of event. event->type is set before: it stays
 * if there is no event column, or if that is empty. The columns are in the
 * record's first line; if that has too few TABs, the whole record is data. Each
 * piece of a long record has the record's type, but only the last has its id: a
 * client that comes back with that id has had all pieces. The fields are valid
 * as long as the record. Returns 0, or -1 with errno ENOMEM.
 */
int columns_event(
    struct columns *columns, const struct record *record, struct event *event);

/* Frees what columns_event took. */
void columns_free(struct columns *columns);

#endif
