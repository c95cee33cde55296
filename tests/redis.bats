#!/usr/bin/env bats
# sse-redis at real servers: what is an event, who resumes where, which error
# is told how.

load helper
load redis

@test "sse-redis makes an event of each entry, with the entry's own id" {
	start_redis a
	view v s
	eventually waiting 1
	cli xadd s 1-1 data one
	cli xadd s 1-2 event tick data $'two\nlines'
	cli xadd s 2-0 temperature 21.5 note $'a "b"\\\t\xff\xc3\xa9'
	cli xadd s 2-1 event empty
	eventually has v 'id: 2-1'
	kill "$VIEWER"
	eventually ended "$VIEWER"
	printf '%s\n' 'id: 1-1' 'data: one' '' \
		'id: 1-2' 'event: tick' 'data: two' 'data: lines' '' \
		'id: 2-0' $'data: {"temperature":"21.5","note":"a \\"b\\"\\\\\\u0009\xef\xbf\xbd\xc3\xa9"}' '' \
		'id: 2-1' 'event: empty' 'data: {}' '' >expected
	sed 1,7d v | diff expected -
	[ ! -s v.err ]
}

@test "sse-redis -e names the events that name no type themselves" {
	start_redis a
	cli xadd s 1-1 data one
	cli xadd s 1-2 event own data two
	view v -e given -n 2 s
	eventually has v 'data: two'
	[ "$(grep ^event: v)" = $'event: given\nevent: own' ]
}

@test "sse-redis sends a new viewer no old entry, or -n COUNT of them" {
	start_redis a
	for i in {1..300}; do echo "xadd s $i-0 data $i"; done | cli >/dev/null
	for count in 0 1 2 127 128 129 299 300 301; do
		view v.$count -n $count s
	done
	# the end is known to all of them before there is a new one
	eventually waiting 9
	cli xadd s 301-0 data 301
	for count in 0 1 2 127 128 129 299 300; do
		eventually has v.$count 'data: 301'
		[ "$(grep -c ^data: v.$count)" = $((count + 1)) ]
		[ "$(grep -m 1 ^data: v.$count)" = "data: $((301 - count))" ]
	done
	eventually has v.301 'data: 301'
	[ "$(grep -c ^data: v.301)" = 301 ]
}

@test "sse-redis goes on after Last-Event-ID, at any of several servers" {
	start_redis a
	cli xadd s 5-1 data one
	cli xadd s 5-2 data two
	cli xadd s 6-0 data three
	HTTP_LAST_EVENT_ID=5-1 view v s
	eventually has v 'data: three'
	[ "$(ids_of v)" = $'5-2\n6-0' ]

	first=$REDIS_PORT REDIS_PORT=
	start_redis b --replicaof 127.0.0.1 "$first"
	eventually has_entries 3
	QUERY_STRING=lastEventId=5-2 view w s
	eventually has w 'data: three'
	[ "$(ids_of w)" = 6-0 ]
}

@test "sse-redis takes what is no id of a stream for a new viewer's" {
	start_redis a
	cli xadd s 5-1 data old
	n=0
	for id in 5 5- -1 5-0x 05-0 5-00 ' 5-0' '5-0 ' +5-0 5-0-0 '$' end \
		99999999999999999999-0 5-18446744073709551616; do
		HTTP_LAST_EVENT_ID=$id view v.$((n += 1)) s
	done
	eventually waiting $n
	cli xadd s 5-2 data new
	for ((i = 1; i <= n; i++)); do
		eventually has v.$i 'data: new'
		[ "$(ids_of v.$i)" = 5-2 ]
	done
}

@test "sse-redis tells of entries that were trimmed, once, then goes on" {
	start_redis a
	for i in 1 2 3 4 5; do cli xadd s $i-0 data $i; done
	cli xtrim s maxlen 3
	HTTP_LAST_EVENT_ID=1-0 view v s
	eventually has v 'data: 5'
	printf '%s\n' 'id: 2-18446744073709551615' 'event: gap' \
		'data: trimmed' '' 'id: 3-0' 'data: 3' '' 'id: 4-0' 'data: 4' \
		'' 'id: 5-0' 'data: 5' '' >expected
	sed 1,7d v | diff expected -

	# who left between the gap and the next event is not told again
	HTTP_LAST_EVENT_ID=2-18446744073709551615 view again s
	eventually has again 'data: 5'
	[ "$(ids_of again)" = $'3-0\n4-0\n5-0' ]

	# who has had the oldest that there is has missed nothing
	HTTP_LAST_EVENT_ID=3-0 view oldest s
	eventually has oldest 'data: 5'
	[ "$(ids_of oldest)" = $'4-0\n5-0' ]
}

@test "sse-redis tells of a stream that began anew" {
	start_redis a
	cli xadd s 1-0 data one
	for id in 7-0 18446744073709551615-18446744073709551615; do
		HTTP_LAST_EVENT_ID=$id view v.$id s
		eventually has v.$id 'data: one'
		[ "$(grep -A 1 '^event: gap' v.$id)" = \
			$'event: gap\ndata: reset' ]
		[ "$(ids_of v.$id)" = $'0-18446744073709551615\n1-0' ]
	done
}

@test "sse-redis tells a viewer that missed what an emptied stream had" {
	start_redis a
	cli xadd s 1-0 data one
	cli xadd s 2-0 data two
	cli xtrim s maxlen 0
	HTTP_LAST_EVENT_ID=2-0 view had s
	HTTP_LAST_EVENT_ID=1-0 view missed s
	eventually waiting 2
	cli xadd s 3-0 data three
	eventually has had 'id: 3-0'
	eventually has missed 'id: 3-0'
	[ "$(ids_of had)" = 3-0 ]
	[ "$(ids_of missed)" = $'2-0\n3-0' ]
	has missed 'data: trimmed'
}

@test "sse-redis waits for a stream that is not there yet" {
	start_redis a
	view v s
	eventually waiting 1
	cli xadd s 1-0 data first
	eventually has v 'id: 1-0'
	[ "$(ids_of v)" = 1-0 ]
}
