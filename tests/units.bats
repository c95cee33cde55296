#!/usr/bin/env bats
# Unit tests of the modules, from tests/units/.

load lib/helper

@test "each module gives its expected result for each input, whole and byte by byte" {
	"$TOP/build/tests/units/units"
}
