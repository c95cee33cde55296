/*
 * columns: cases for the fields of a record.
 */
#include <stdlib.h>
#include <string.h>

#include "../../lib/columns.h"
#include "units.h"

/* Expected is the type in angles, the id and "|", data and "/" for each piece;
 * NULL: no list of columns. */
static const struct columns_case {
	const char *list;
	size_t max;
	struct bytes input, expected;
} columns_cases[] = {
    {"data", 99, S("a\tb"), S("<t>|a\tb/")},
    {"event,data", 99, S("a\tb\tc"), S("<a>|b\tc/")},
    {"event,data", 99, S("\tb"), S("<t>|b/")},
    {"event,data", 99, S("b"), S("<t>|b/")},
    {"event,data", 99, S("a\nb\tc"), S("<t>|a\nb\tc/")},
    {"event,data", 99, S("a\tb\nc\td"), S("<a>|b\nc\td/")},
    {"id,event,data", 99, S("1\ta\tb"), S("<a>1|b/")},
    {"event,id,data", 99, S("a\t1\tb"), S("<a>1|b/")},
    {"id,event,data", 99, S("1\ta\nb\tc"), S("<t>|1\ta\nb\tc/")},
    {"id,data", 4, S("1\tabcdef"), S("<t>|ab/<t>1|cdef/")},
    {"event,data", 4, S("a\tbcde\tf"), S("<a>|bc/<a>|de\tf/")},
    {"event,data", 4, S("abc\td"), S("<abc>|/<abc>|d/")},
    {"event,data", 4, S("abcd\te"), S("<t>|abcd/<t>|\te/")},
    {"id", 0, S(""), S("none")},
    {"data,id", 0, S(""), S("none")},
    {"event,event,data", 0, S(""), S("none")},
    {"", 0, S(""), S("none")},
};

static void
take_columns(struct columns *columns, const struct columns_case *given)
{
	struct splitter splitter;
	struct record record;
	struct event event;
	size_t room;

	if (record_init(&splitter, RECORD_NUL, given->max) == -1)
		abort();
	memcpy(record_room(&splitter, &room), given->input.at, given->input.n);
	record_filled(&splitter, given->input.n);
	record_ended(&splitter);
	while (record_next(&splitter, &record)) {
		event = (struct event){.type = S("t")};
		if (columns_event(columns, &record, &event) == -1)
			abort();
		units_text("<");
		units_bytes(event.type.at, event.type.n);
		units_text(">");
		units_bytes(event.id.at, event.id.n);
		units_text("|");
		units_bytes(event.data.at, event.data.n);
		units_text("/");
	}
	record_free(&splitter);
}

void
test_columns(void)
{
	const struct columns_case *given = columns_cases;
	struct columns columns = {0};

	for (; given < columns_cases + COUNT(columns_cases); given++) {
		if (columns_parse(&columns, given->list) == 0)
			take_columns(&columns, given);
		else
			units_text("none");
		units_check("columns", given->list, given->expected);
	}
	columns_free(&columns);
}
