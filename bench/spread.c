#include "spread.h"

#include <stdio.h>

void
spread_add(struct spread *spread, int64_t ns)
{
	uint64_t rest = ns > 0 ? (uint64_t)ns : 0;
	size_t power = 0;

	while (rest >= UINT64_C(2) * SPREAD_STEPS) {
		rest >>= 1;
		power++;
	}
	/* below 2 * STEPS each has its own; above, STEPS to a power of two */
	spread->at[power * SPREAD_STEPS + rest]++;
	spread->n++;
	if (ns > spread->max_ns)
		spread->max_ns = ns;
}

int64_t
spread_of(const struct spread *spread, uint64_t thousandths)
{
	uint64_t want = (spread->n * thousandths + 999) / 1000, seen = 0;
	unsigned int power;

	for (unsigned int i = 0; i < 64 * SPREAD_STEPS; i++) {
		seen += spread->at[i];
		if (spread->n == 0 || seen < want)
			continue;
		if (i < 2 * SPREAD_STEPS)
			return i;
		power = i / SPREAD_STEPS - 1;
		return (int64_t)(i - power * SPREAD_STEPS) << power;
	}
	return 0;
}

void
spread_print(const struct spread *spread, const char *name)
{
	printf("%s_n %ju\n", name, (uintmax_t)spread->n);
	if (spread->n == 0)
		return;
	printf("%s_median_us %.1f\n%s_p99_us %.1f\n%s_max_us %.1f\n", name,
	    (double)spread_of(spread, 500) / 1e3, name,
	    (double)spread_of(spread, 990) / 1e3, name,
	    (double)spread->max_ns / 1e3);
}
