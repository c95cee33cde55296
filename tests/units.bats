#!/usr/bin/env bats
# The modules alone: exact cases, which tests/units/ has.

load lib/helper

@test "each module gives its expected result for each input, whole and byte by byte" {
	"$TOP/build/tests/units/units"
}
