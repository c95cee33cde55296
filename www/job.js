/*
 * job.js: the panel "job" of job.html and index.html. Only a button starts the
 * job, by POST, so that a link or a reconnection cannot. GET shows a job that
 * outlives its viewers again; a job that ends with its viewer refuses GET.
 */
import {EventSource, readEvents} from "./sse.js";
import {$, every, Lines, Panel} from "./page.js";

const LOST = "The connection was lost, and a job that needs its viewer ends " +
	"with it. Nothing starts it again but you.";
const SILENCES = 1.5; // times the interval of "alive" events: then it is lost
const url = $("job").dataset.job;
const panel = new Panel("job");
const output = new Lines("output", 10000);
let stop = null; // stops the job that runs, or null
let sought = null; // the stream with which a job is looked for, or null

/* The exit status, as in a shell. */
function inWords(status) {
	if (status === 0)
		return "The job has ended well, with status 0.";
	if (status > 128)
		return `The job was ended by signal ${status - 128}.`;
	return `The job failed with status ${status}.` +
		({126: " It may not be run.", 127: " There is no such command."}[
			status] ?? "");
}

function began(words) {
	$("start").textContent = words;
	$("progress").value = 0;
	$("percent").textContent = "0 %";
	output.clear();
}

function ended(status) {
	panel.show(status === 0 ? "finished" : "failed", inWords(status),
		status !== 0);
}

/* Adds a line of output, or shows the progress that a line gives. */
function take({type, data}) {
	const percent = parseInt(data, 10);

	if (type === "gap")
		output.lost(data);
	else if (!["progress", "start", "alive", "end"].includes(type))
		output.add(data);
	if (type !== "progress" || Number.isNaN(percent))
		return;
	$("progress").value = percent;
	$("percent").textContent = percent + " %";
}

/* Reads the answer to a POST; returns the exit status, NaN without one. */
async function read(body, stopper) {
	let silence = 0, status = NaN;
	const place = {heard: Date.now()};
	const watch = setInterval(() => {
		if (silence > 0 && Date.now() - place.heard > 1000 * SILENCES * silence)
			stopper.abort("silence");
	}, 500);

	try {
		for await (const event of readEvents(body, place)) {
			if (event.type === "alive")
				silence = Number(event.data) || silence;
			if (event.type === "end")
				status = parseInt(event.data, 10);
			take(event);
		}
	} finally {
		clearInterval(watch);
	}
	return status;
}

/*
 * Looks for a job that runs or has run, and shows it from its first line. lost:
 * the text to show if there is none.
 */
function find(lost = "") {
	const source = sought = new EventSource(url);
	let status = NaN, found = false, left = false;

	every(source, event => {
		if (event.type === "end")
			status = parseInt(event.data, 10);
		take(event);
	});
	return new Promise(done => source.addEventListener("state", () => {
		if (source.state === "open") {
			if (!found) // else the stream goes on after the last line
				began("Stop looking");
			found = true;
			stop = {abort() {
				left = true;
				source.close();
			}};
			panel.show("running", "The job runs on the server, and goes on if " +
				"you leave.");
		} else if (source.state === "waiting")
			panel.show("waiting", source.reason, true);
		else if (source.readyState === EventSource.CLOSED) {
			if (!Number.isNaN(status))
				ended(status);
			else if (left)
				panel.show("closed", "You stopped looking. The job runs on.");
			else
				panel.show(lost ? "closed" : "not started", lost, lost !== "");
			done();
		}
	}));
}

/* Starts the job, once. */
async function run() {
	const mine = stop = new AbortController();

	sought?.close();
	began("Stop");
	panel.show("connecting");
	try {
		const answer = await fetch(url + ($("fail")?.checked ? "?fail=yes" : ""),
			{method: "POST", cache: "no-store", signal: mine.signal});
		const type = answer.headers.get("Content-Type") ?? "nothing";

		if (answer.status === 409 || answer.status === 202)
			return await find("The job was started, and is not there any more.");
		if (!answer.ok)
			return panel.show("closed", "The server did not start the job: " +
				`${answer.status}.`, true);
		if (type.startsWith("text/event-stream")) {
			panel.show("running", "The job runs on the server.");
			const status = await read(answer.body, mine);
			if (!Number.isNaN(status))
				return ended(status);
		}
		return await find(type.startsWith("text/event-stream") ? LOST
			: `The server answered with ${type}, not an event stream.`);
	} catch {
		if (mine.signal.reason === "stopped")
			return panel.show("closed", "You stopped it. The job has ended on " +
				"the server too, unless it is one that outlives its viewers.");
	}
	return find(LOST);
}

/* The button starts or stops; nothing else starts a job. */
let turns = 0;

async function go(work) {
	const turn = ++turns;

	await work();
	if (turn !== turns) // a new job was started meanwhile
		return;
	stop = null;
	if ($("start").textContent !== "Start")
		$("start").textContent = "Run again";
}

$("start").addEventListener("click", () =>
	stop === null ? go(run) : stop.abort("stopped"));
if ($("job").hasAttribute("data-find"))
	go(() => find());
