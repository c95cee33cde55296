#!/bin/sh
# The CGI counter in shell; QUERY_STRING is the interval in seconds.
printf 'Content-Type: text/event-stream\r\nCache-Control: no-cache\r\n\r\n'
n=0
while n=$((n + 1)); do
	printf 'id: %d\ndata: %d\n\n' $n $n || exit
	sleep "$QUERY_STRING"
done
