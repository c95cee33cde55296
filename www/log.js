/*
 * log.js: the lines of log.html. The newest MAX are kept in a ring, and drawn
 * in blocks, at most FRAME lines per frame, so that many lines do not block
 * the page. A line is never parsed as HTML: it becomes text nodes.
 */
import {EventSource} from "./sse.js";
import {pieces, plain} from "./ansi.js";

const MAX = 20000; // lines in memory, and on the page
const BLOCK = 100; // lines that are removed together
const FRAME = 400; // lines that are drawn at a time
const PAUSE_MS = 40; // from the arrival of a line to its drawing
const LEVELS = {emerg: "error", alert: "error", crit: "error", fatal: "error",
	panic: "error", err: "error", error: "error", critical: "error",
	warn: "warn", warning: "warn", debug: "debug", trace: "debug"};
const LEVEL = new RegExp(`\\b(${Object.keys(LEVELS).join("|")}|notice|info)\\b`,
	"i");

const $ = id => document.getElementById(id);
const lines = $("lines");
const ring = []; // line number n is ring[n % MAX]
const sources = new Map(); // event types, and whether they are shown
let next = 0; // number of the next line to arrive
let drawn = 0; // number of the next line to be drawn
let following = true;
let until = 0; // the line before which drawing stops, while not following
let sought = null; // the search, a regular expression
let shown = 0, matches = 0; // numbers of lines on the page

const first = () => Math.max(0, next - MAX);

function make(name, className, ...children) {
	const node = document.createElement(name);

	node.className = className;
	node.append(...children);
	return node;
}

/* ---- lines come ---- */

let clock = {ms: NaN, text: ""};

/* Made once for all lines that arrive in the same second. */
function now() {
	const ms = Date.now();

	if (ms !== clock.ms) {
		const date = new Date(ms);
		const pad = (n, length = 2) => String(n).padStart(length, "0");
		clock = {ms, text: [date.getHours(), date.getMinutes(),
			date.getSeconds()].map(n => pad(n)).join(":") + "." +
			pad(date.getMilliseconds(), 3)};
	}
	return clock.text;
}

/* Adds a line of a source, or a note of the page: "gap" or "end". */
function add(source, text, note = "") {
	if (note === "" && !sources.has(source))
		addSource(source);
	ring[next % MAX] = {time: now(), source, note, text};
	next++;
	drawSoon();
}

/* A button for each source, once there are two. */
function addSource(source) {
	const button = make("button", "", source);

	sources.set(source, true);
	button.type = "button";
	button.setAttribute("aria-pressed", "true");
	button.addEventListener("click", () => {
		sources.set(source, !sources.get(source));
		button.setAttribute("aria-pressed", sources.get(source));
		drawAnew();
	});
	button.hidden = true;
	$("sources").append(button);
	if (sources.size > 1)
		for (const each of $("sources").children)
			each.hidden = false;
	if (sources.size === 2)
		drawAnew(); // the first lines were drawn without their source
}

/* ---- lines are drawn ---- */

let waiting = false;

/* Lines that come within PAUSE_MS are drawn together. */
function drawSoon(ms = PAUSE_MS) {
	if (waiting)
		return;
	waiting = true;
	setTimeout(() => requestAnimationFrame(() => {
		waiting = false;
		draw();
	}), ms);
}

function drawAnew() {
	lines.replaceChildren();
	drawn = first();
	until = next;
	shown = matches = 0;
	drawSoon();
}

function draw() {
	if (following) {
		until = next;
		forget();
	}
	for (let i = 0; i < FRAME && drawn < until; i++)
		drawLine(drawn++);
	if (drawn < until)
		drawSoon(0);
	if (following)
		lines.scrollTop = 1e9;
	say();
}

/* Removes blocks whose lines are no longer in the ring, and their counts. */
function forget() {
	drawn = Math.max(drawn, first());
	for (let block; (block = lines.firstChild) && block.end <= first();) {
		shown -= block.children.length;
		matches -= block.matches;
		block.remove();
	}
}

function drawLine(n) {
	const {time, source, note, text} = ring[n % MAX];
	const words = plain(text);
	const found = note || sought === null ? []
		: [...words.matchAll(sought)].filter(([match]) => match !== "");

	if (!note && (!sources.get(source) ||
		sought !== null && found.length === 0 && $("only").checked))
		return;
	const line = make("div", note ? `line gap ${note}` : "line",
		make("time", "", time));
	if (sources.size > 1 && !note)
		line.append(make("span", "source", source));
	line.append(...pieces(text, found));
	const level = !note && LEVEL.exec(words.slice(0, 200))?.[1].toLowerCase();
	if (LEVELS[level])
		line.dataset.level = LEVELS[level];
	const block = blockFor(n);
	if (found.length > 0) {
		line.classList.add("match");
		block.matches++;
		matches++;
	}
	block.append(line);
	shown++;
}

function blockFor(n) {
	const end = (Math.floor(n / BLOCK) + 1) * BLOCK;
	const last = lines.lastChild;

	if (last?.end === end)
		return last;
	if (last) { // the block is complete: it keeps its height when off screen
		last.style.containIntrinsicBlockSize =
			`auto ${1.65 * last.children.length}em`;
		last.classList.add("full");
	}
	const block = make("div", "block");
	Object.assign(block, {end, matches: 0});
	lines.append(block);
	return block;
}

/* ---- status ---- */

const number = n => n.toLocaleString("en");

function say() {
	const unseen = next - Math.max(until, first());

	$("follow").textContent = following ? "Pause"
		: unseen > 0 ? `Follow (${number(unseen)} new)` : "Follow";
	$("count").textContent = `${number(shown)} of ${number(next)} lines` +
		(sought ? `, ${number(matches)} match.` : ".");
}

function follow(on) {
	following = on;
	until = next;
	drawSoon();
}

/* ---- search ---- */

/* /expression/flags, or text, which ignores case unless it has capitals. */
function expression(words) {
	const [, source, flags] = /^\/(.+)\/([imsu]*)$/.exec(words) ?? [];

	if (source !== undefined)
		return new RegExp(source, "g" + flags);
	return new RegExp(words.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"),
		words === words.toLowerCase() ? "gi" : "g");
}

let typed; // the timer that starts the search after typing

function search() {
	const words = $("sought").value;

	clearTimeout(typed);
	$("sought").setCustomValidity("");
	try {
		sought = words === "" ? null : expression(words);
	} catch (error) {
		$("sought").setCustomValidity(error.message);
		sought = null;
	}
	drawAnew();
}

/* Scrolls to the next line with a match, and makes it the current one. */
function go(step) {
	const all = [...lines.querySelectorAll(".match")];
	const current = lines.querySelector(".current");
	const at = all.indexOf(current);
	const to = all[at < 0 ? (step > 0 ? 0 : all.length - 1)
		: (at + step + all.length) % all.length];

	if (to === undefined)
		return;
	follow(false);
	current?.classList.remove("current");
	to.classList.add("current");
	to.scrollIntoView({block: "center"});
}

/* ---- copy and download: the lines that are shown, as text ---- */

function text() {
	return [...lines.querySelectorAll(".line")].map(line =>
		[...line.childNodes].filter(node => node.nodeName !== "TIME" ||
			$("times").checked).map(node => node.nodeName === "TIME" ||
			node.className === "source" ? node.textContent + "  "
			: node.textContent).join("") + "\n").join("");
}

$("copy").addEventListener("click", async () => {
	try {
		await navigator.clipboard.writeText(text());
	} catch { // not on HTTPS or localhost, or not allowed
		getSelection().selectAllChildren(lines);
		document.execCommand("copy");
	}
	$("said").textContent = `${number(shown)} lines are copied.`;
});

$("download").addEventListener("click", () => {
	const link = document.createElement("a");

	link.href = URL.createObjectURL(new Blob([text()], {type: "text/plain"}));
	link.download = "log.txt";
	link.click();
	setTimeout(() => URL.revokeObjectURL(link.href), 10000);
});

/* ---- buttons, keys and scrolling ---- */

$("follow").addEventListener("click", () => follow(!following));
$("earlier").addEventListener("click", () => go(-1));
$("later").addEventListener("click", () => go(1));
$("only").addEventListener("change", search);
$("tools").addEventListener("submit", event => {
	event.preventDefault();
	go(1);
});
for (const name of ["wrap", "times"]) {
	const turn = () => lines.classList.toggle(name, $(name).checked);
	$(name).addEventListener("change", turn);
	turn();
}
$("aloud").addEventListener("change", () => lines.setAttribute("aria-live",
	$("aloud").checked ? "polite" : "off"));

$("sought").addEventListener("input", () => {
	clearTimeout(typed);
	typed = setTimeout(search, 150);
});
$("sought").addEventListener("keydown", event => {
	if (event.key === "Escape")
		lines.focus();
});

const KEYS = {
	"/": () => $("sought").focus(),
	n: () => go(1),
	N: () => go(-1),
	" ": () => follow(!following),
	End: () => follow(true),
};
lines.addEventListener("keydown", event => {
	if (!KEYS[event.key] || event.ctrlKey || event.altKey || event.metaKey)
		return;
	event.preventDefault();
	KEYS[event.key]();
});

/* Scrolling up pauses the page; scrolling to the end follows again. */
let before = 0;
lines.addEventListener("scroll", () => {
	const top = lines.scrollTop;
	const end = lines.scrollHeight - top - lines.clientHeight < 30;

	if (following && top < before - 5 && !end)
		follow(false);
	else if (!following && top > before && end && until === next)
		follow(true);
	before = top;
}, {passive: true});

/* ---- the stream ---- */

function open(given) {
	const src = new URL(given, location.href);

	if (src.origin !== location.origin) {
		$("state").textContent = $("state").dataset.state = "closed";
		$("said").textContent = `${given} is no stream of this site, so it is ` +
			"not opened.";
		return;
	}
	document.title = `${src.pathname}: log`;
	$("title").textContent = src.pathname + src.search;
	const source = new EventSource(src);

	source.addEventListener("state", () => {
		$("state").textContent = $("state").dataset.state = source.state;
		$("said").textContent = source.reason;
	});
	/* sse.js calls dispatchEvent for each event, whatever its type */
	const dispatch = source.dispatchEvent;
	source.dispatchEvent = event => {
		if (event instanceof MessageEvent)
			take(event);
		return dispatch.call(source, event);
	};
}

function take({type, data}) {
	if (type === "gap")
		add("", `Lines are missing here: ${data}`, type);
	else if (type === "end")
		add("", `The log has ended: ${data}`, type);
	else if (type !== "alive" && type !== "start")
		data.split("\n").forEach(line => add(type, line));
}

open(new URLSearchParams(location.search).get("src") ?? "/cgi-bin/log");
lines.focus();
