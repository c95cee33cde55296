/*
 * columns: finds the fields of a record, and keeps those of a record that comes
 * in pieces. frame checks which bytes a field may have.
 */
#include "columns.h"

#include <stdlib.h>
#include <string.h>

#include "util.h"

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
columns_have(const struct columns *columns, enum column column)
{
	for (size_t i = 0; i < columns->n; i++)
		if (columns->column[i] == column)
			return true;
	return false;
}

static void
split(const struct columns *columns, struct event *event)
{
	struct bytes field[COLUMNS_MAX], rest = event->data;
	const char *tab;

	for (size_t i = 0; i + 1 < columns->n; i++) {
		tab = rest.n > 0 ? memchr(rest.at, '\t', rest.n) : NULL;
		if (tab == NULL || util_line_end(rest.at, tab) < tab)
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

/* The same field in the copy of the record, columns->held. */
static struct bytes
moved(struct bytes field, const struct columns *columns, struct bytes record)
{
	if (field.n > 0 && field.at >= record.at &&
	    field.at < record.at + record.n)
		field.at = columns->held + (field.at - record.at);
	return field;
}

/* Copies the record's fields, which are needed until its last piece. */
static int
hold(struct columns *columns, const struct event *event, struct bytes record)
{
	size_t n = (size_t)(event->data.at - record.at);

	columns_free(columns);
	if (n > 0) {
		columns->held = malloc(n);
		if (columns->held == NULL)
			return -1;
		memcpy(columns->held, record.at, n);
	}
	columns->held_id = moved(event->id, columns, record);
	columns->held_type = moved(event->type, columns, record);
	return 0;
}

int
columns_event(
    struct columns *columns, const struct record *record, struct event *event)
{
	event->data = record->bytes;
	if (record->first) {
		split(columns, event);
		columns->holds = !record->last;
		if (record->last)
			return 0;
		if (hold(columns, event, record->bytes) == -1)
			return -1;
	}
	if (columns->holds) {
		event->type = columns->held_type;
		event->id = columns->held_id;
	}
	if (record->last)
		columns->holds = false;
	else
		event->id.n = 0;
	return 0;
}

void
columns_free(struct columns *columns)
{
	free(columns->held);
	columns->held = NULL;
}
