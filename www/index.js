/*
 * index.js: the demo page. The counter has its own stream, with as little code
 * as possible; the other panels use one stream that all tabs share. So there is
 * one connection for all tabs, and one for each visible counter.
 */
import {EventSource} from "./sse.js";
import {$, Lines, make, Panel} from "./page.js";

/* The panels' source of events; tabs share a stream if the URL is the same. */
const LOAD = "/cgi-bin/page", LOG = LOAD;

/* ---- the counter ---- */

const counter = new Panel("counter");
let source = null, lastEventId = "", opened = 0;

function open() {
	source = new EventSource("/events" + (lastEventId &&
		"?lastEventId=" + encodeURIComponent(lastEventId)),
	{visible: true, silence: 15});
	opened = 0;
	counter.follow(source);
	source.onopen = () => {
		if (++opened > 1)
			$("reconnections").textContent = opened - 1;
	};
	source.onmessage = event => {
		console.log("New message: " + event.data);
		$("number").textContent = event.data;
		$("last-id").textContent = event.lastEventId || "none";
		({lastEventId} = event);
	};
	$("toggle").textContent = "Close the counter";
}

$("toggle").addEventListener("click", () => {
	if (source === null)
		return open();
	source.close();
	source = null;
	counter.show("closed", "A program that nobody sees ends.");
	$("toggle").textContent = "Go on counting";
});

/* ---- the chart: columns of vmstat, by their names ---- */

const SAMPLES = 60;
const CPU = [["us", "programs"], ["sy", "kernel"], ["wa", "waiting for disks"],
	["st", "taken by the host"]];
const TILES = [["r", "run queue"], ["free", "memory free", "KiB"],
	["cache", "page cache", "KiB"], ["so", "swapped out", "KiB"],
	["bi", "blocks read"], ["bo", "blocks written"],
	["in", "interrupts"], ["cs", "context switches"]];

/* The columns since procps 3.3; a header line overrides them. */
let columns = ("r b swpd free buff cache si so bi bo in cs us sy id wa st")
	.split(" ");
let samples = []; // null is a break: a new vmstat was started
let sinceBoot = false; // the first line after a header is no sample
let drawing = false;

function takeLine(line) {
	const words = line.trim().split(/\s+/);

	if (words.includes("us") && words.includes("cs")) {
		columns = words;
		sinceBoot = true;
		if (samples.length > 0)
			samples.push(null);
		return;
	}
	if (words.length < 10 || !words.every(word => /^\d+$/.test(word)))
		return;
	if (!sinceBoot)
		samples.push(Object.fromEntries(columns.map(
			(name, i) => [name, Number(words[i] ?? 0)])));
	sinceBoot = false;
	samples = samples.slice(-SAMPLES);
	drawSoon();
}

/* Draws once for many lines: sse-share may replay sixty at once. */
function drawSoon() {
	if (drawing)
		return;
	drawing = true;
	requestAnimationFrame(() => {
		drawing = false;
		draw();
	});
}

/* Unbroken runs of samples, as [x, sample] pairs; the newest is at x = 60. */
function runs() {
	const all = [[]];

	samples.forEach((sample, i) => {
		if (sample === null)
			all.push([]);
		else
			all.at(-1).push([SAMPLES - samples.length + i + 1, sample]);
	});
	return all.filter(run => run.length > 0);
}

/* A run of only one sample is drawn one unit wide. */
function points(run, value) {
	const all = run.map(([x, sample]) => [x, value(sample)]);

	if (all.length === 1)
		all.unshift([all[0][0] - 1, all[0][1]]);
	return all;
}

const line = all => "M" + all.map(([x, y]) => `${x} ${y.toFixed(2)}`).join("L");

function draw() {
	const newest = samples.findLast(sample => sample !== null);

	if (newest === undefined)
		return;
	const sum = (sample, n) => 100 - CPU.slice(0, n)
		.reduce((total, [name]) => total + (sample[name] ?? 0), 0);
	CPU.forEach(([name], i) => {
		const area = runs().map(run => {
			const upper = points(run, sample => sum(sample, i + 1));
			const lower = points(run, sample => sum(sample, i));
			return line(upper) + line(lower.reverse()).replace("M", "L") + "Z";
		});
		$("cpu-" + name).setAttribute("d", area.join(""));
		$("now-" + name).textContent = (newest[name] ?? 0) + " %";
	});
	$("cpu").setAttribute("aria-label", "Processor time of the last minute; " +
		"now " + CPU.map(([name, words]) =>
		`${words} ${newest[name] ?? 0} %`).join(", "));
	for (const [name, , unit] of TILES) {
		const most = Math.max(1, ...samples.map(s => s?.[name] ?? 0));
		$("line-" + name).setAttribute("d", runs().map(run => line(points(
			run, sample => 29 - 27 * (sample[name] ?? 0) / most))).join(""));
		$("now-" + name).textContent = size(newest[name] ?? 0, unit);
	}
}

function size(number, unit) {
	if (unit !== "KiB" || number < 1024)
		return number.toLocaleString("en") + (unit ? " " + unit : "");
	if (number < 1024 * 1024)
		return (number / 1024).toFixed(0) + " MiB";
	return (number / 1024 / 1024).toFixed(1) + " GiB";
}

function svg(name, attributes) {
	const node = document.createElementNS("http://www.w3.org/2000/svg", name);

	for (const [key, value] of Object.entries(attributes))
		node.setAttribute(key, value);
	return node;
}

for (const [name, words] of CPU) {
	const item = make("li", {}, words + " ",
		make("output", {id: "now-" + name, textContent: "–"}));

	item.style.setProperty("--key", `var(--${name})`);
	item.querySelector("output").setAttribute("aria-live", "off");
	document.querySelector(".legend").append(item);
	$("cpu").append(svg("path", {id: "cpu-" + name, fill: `var(--${name})`}));
}
for (const [name, words] of TILES) {
	const picture = svg("svg", {viewBox: "0 0 60 30", "aria-hidden": "true",
		preserveAspectRatio: "none"});
	const now = make("output", {id: "now-" + name, textContent: "–"});

	now.setAttribute("aria-live", "off");
	picture.append(svg("path", {id: "line-" + name}));
	document.querySelector(".tiles").append(make("li", {className: "tile",
		title: `column ${name} of vmstat`},
		make("span", {textContent: words}), now, picture));
}

/* ---- the streams that all tabs share ---- */

const streams = new Map();

function stream(url) {
	if (!streams.has(url))
		streams.set(url, new EventSource(url, {shared: true, replay: 300}));
	return streams.get(url);
}

const load = stream(LOAD);
new Panel("load").follow(load);
load.addEventListener("sample", event => takeLine(event.data));
load.addEventListener("gap", () => samples = []); // the whole replay follows

/* Time, request and status of a log line; other formats are shown unchanged. */
function takeLog(text) {
	const parts = /\[[^:\]]*:([\d:]+)[^\]]*\] "([^"]*)" (\d+)/.exec(text);

	if (parts === null)
		return lines.add(text);
	lines.add(make("time", {textContent: parts[1]}),
		make("b", {textContent: parts[3]}), "  " + parts[2]);
}

const lines = new Lines("lines");
const log = stream(LOG), logPanel = new Panel("log");
logPanel.follow(log);
for (const type of ["message", "log"]) // of sse-tail, and of sse-mux
	log.addEventListener(type, event => takeLog(event.data));
log.addEventListener("gap", event => lines.lost(event.data));

/* The request's line then appears in the log, and so in the panel. */
$("request").addEventListener("click", () => {
	const number = Math.floor(Math.random() * 1000);

	fetch(`/?request=${number}`, {method: "HEAD", cache: "no-store"}).catch(() =>
		logPanel.show(log.state, "The request failed: the server does not answer.",
			true));
});

$("shell").textContent = "curl -N " + location.origin + "/events";
open();
