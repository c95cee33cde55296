#!/bin/sh
# model.sh FOLDER: a language model for examples.bats, which waits for
# the file "go" in FOLDER, tears characters, and fails if it is told to.
read -r prompt
[ "$prompt" != fail ] || exit 3
printf 'You said: %s. ' "$prompt"
until [ -e "$1/go" ]; do sleep 0.02; done
printf 'na\303'
sleep 0.02
printf '\257ve '
sleep 0.1
printf '\360\237'
sleep 0.02
printf '\216\211\n"quoted"\tand\r'
sleep 0.1
printf 'so\342\200\250event: end' # a line end to JavaScript's regular expressions
