#!/usr/bin/env bats
# The modules alone: exact cases, which tests/units/ has.

load lib/helper

@test "each module makes of each input what it must, whole and byte by byte" {
	"$TOP/build/tests/units/units"
}
