/*
 * spread: many times of measurements in little memory: a histogram whose
 * steps are 1.6 % wide. Only quantiles come out.
 */
#ifndef SPREAD_H
#define SPREAD_H

#include <stdint.h>

#define SPREAD_STEPS 64 /* to the next power of two */

struct spread {
	uint64_t n;
	int64_t max_ns;
	uint64_t at[64 * SPREAD_STEPS];
};

/* Negative times count as 0. */
void spread_add(struct spread *spread, int64_t ns);

/* Nanoseconds that so many of a thousand do not exceed; 0 where n is 0. */
int64_t spread_of(const struct spread *spread, uint64_t thousandths);

/* NAME_n, and where that is not 0 NAME_median_us, _p99_us, _max_us. */
void spread_print(const struct spread *spread, const char *name);

#endif
