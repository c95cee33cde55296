/*
 * failover.mjs URL: an EventSource that goes on for ever, for failover.bats.
 * Writes a line for each event: its id, its type, its data. If EventSource
 * gives up because of an error status, opens a new one after the last id, as a
 * page would.
 */
import { EventSource } from "eventsource";

const url = process.argv[2];
let last = "";

function show(event) {
	last = event.lastEventId;
	console.log(event.lastEventId, event.type, event.data);
}

function connect() {
	const source = new EventSource(
		last === "" ? url : `${url}?lastEventId=${last}`);

	source.addEventListener("message", show);
	source.addEventListener("gap", show);
	source.addEventListener("error", () => {
		if (source.readyState === EventSource.CLOSED)
			setTimeout(connect, 100);
	});
}

connect();
