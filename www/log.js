/*
 * log.js: the lines of log.html. The newest are kept in a ring, and drawn in
 * blocks, a part per frame, so that many lines do not block the page. A line is
 * never parsed as HTML: it becomes text nodes.
 */
import {EventSource} from "./sse.js";
import {pieces, plain} from "./ansi.js";
import {$, every} from "./page.js";

const MAX = 20000; // lines in memory, and on the page
const CHARS = 16 << 20; // characters of all these
const NODES = 500000; // their text and elements on the page
const LINE = 32 << 10; // characters of a line that are kept
const PIECES = 200; // colours of a line, and matches, that are shown
const SOURCES = 20; // sources that have a button of their own
const BLOCK = 100; // lines that are removed together
const FRAME = 64000; // characters that are drawn at a time; a node counts as 50
const PAUSE_MS = 40; // from the arrival of a line to its drawing
const LEVELS = {emerg: "error", alert: "error", crit: "error", fatal: "error",
	panic: "error", err: "error", error: "error", critical: "error",
	warn: "warn", warning: "warn", debug: "debug", trace: "debug"};
const LEVEL = new RegExp(`\\b(${Object.keys(LEVELS).join("|")}|notice|info)\\b`,
	"i");

const lines = $("lines");
const ring = []; // line number n is ring[n % MAX]
const sources = new Map(); // event types, and whether they are shown
let first = 0; // number of the oldest line in the ring
let next = 0; // number of the next line to arrive
let chars = 0; // in the ring
let drawn = 0; // number of the next line to be drawn
let following = true;
let until = 0; // the line before which drawing stops, while not following
let sought = null; // the search, a regular expression
let place = null; // number of the line that stays at the top, while paused
let placed = null; // that line, or the next one that is shown
let step = 0; // to the match that is gone to, when all is drawn
let shown = 0, matches = 0, nodes = 0; // numbers of what is on the page

function make(name, className, ...children) {
	const node = document.createElement(name);

	node.className = className;
	node.append(...children);
	return node;
}

/* ---- lines come ---- */

let clock = {ms: NaN, text: ""};

/* Made once for all lines that arrive in the same millisecond. */
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

/* The beginning of a text; a slice would keep the whole text in memory. */
const cut = (text, max) => text.length > max
	? structuredClone(text.slice(0, max)) : text;

/* Adds a line of a source, or a note of the page: "gap" or "end". */
function add(source, whole, note = "") {
	const text = cut(whole, LINE);

	if (note === "" && !sources.has(group(source)))
		addSource(group(source));
	chars += text.length;
	while (next - first >= MAX || chars > CHARS) {
		chars -= ring[first % MAX].text.length;
		ring[first++ % MAX] = undefined;
	}
	ring[next++ % MAX] = {time: now(), source: cut(source, 100), note, text,
		more: whole.length - text.length};
	drawSoon();
}

/* The button of a source; that of the sources after the first SOURCES is "". */
const group = source => sources.has(source) || sources.size < SOURCES
	? source : "";

/* A button for each source, once there are two. */
function addSource(source) {
	const button = make("button", "", source || "others");

	sources.set(source, true);
	button.type = "button";
	button.setAttribute("aria-pressed", "true");
	button.addEventListener("click", () => {
		sources.set(source, !sources.get(source));
		button.setAttribute("aria-pressed", sources.get(source));
		drawAnew();
	});
	$("sources").append(button);
	$("sources").hidden = sources.size < 2;
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

/* Draws all lines again; while paused, none that was not there before. */
function drawAnew() {
	if (!following)
		place ??= topLine()?.number ?? null;
	if (following || until <= first) // what was there is forgotten
		until = next;
	sizes.disconnect();
	sizes.observe(lines);
	lines.replaceChildren();
	placed = null;
	drawn = first;
	shown = matches = nodes = 0;
	before = lines.scrollTop;
	drawSoon();
}

function draw() {
	const behind = drawn < until; // the last time

	if (following)
		until = next;
	drawn = Math.max(drawn, first);
	for (let work = 0; work < FRAME && drawn < until;)
		work += drawLine(drawn++);
	forget();
	if (place !== null)
		toTop(placed ?? lines.lastChild?.lastChild);
	if (drawn < until)
		drawSoon(0);
	else if (behind)
		stick();
	if (step !== 0)
		go(step);
	say();
}

/* Removes blocks whose lines are no longer in the ring, and their counts. */
function forget() {
	for (let block; (block = lines.firstChild) && (nodes > NODES ||
		following && block.end <= first);) {
		shown -= block.children.length;
		matches -= block.matches;
		nodes -= block.nodes;
		sizes.unobserve(block);
		block.remove();
	}
}

/* Draws a line if it is shown; returns how much work that was. */
function drawLine(n) {
	const {time, source, note, text, more} = ring[n % MAX];
	const words = plain(text);
	const found = note || sought === null ? [] : find(words);

	if (!note && (!sources.get(group(source)) ||
		sought !== null && found.length === 0 && $("only").checked))
		return text.length;
	const line = make("div", note ? `line gap ${note}` : "line",
		make("time", "", time));
	if (sources.size > 1 && !note)
		line.append(make("span", "source", source));
	line.append(...pieces(text, found, PIECES));
	if (more > 0)
		line.append(make("span", "more",
			` … ${number(more)} more characters are not shown.`));
	const level = !note && LEVEL.exec(words.slice(0, 200))?.[1].toLowerCase();
	if (LEVELS[level])
		line.dataset.level = LEVELS[level];
	const block = blockFor(n);
	if (found.length > 0) {
		line.classList.add("match");
		block.matches++;
		matches++;
	}
	line.number = n;
	if (place !== null && n >= place)
		placed ??= line;
	block.append(line);
	block.nodes += line.childNodes.length;
	nodes += line.childNodes.length;
	shown++;
	return text.length + 50 * line.childNodes.length;
}

/* The first matches in a line that are not empty. */
function find(words) {
	const found = [];

	for (const match of words.matchAll(sought)) {
		if (match[0] !== "")
			found.push(match);
		if (found.length === PIECES)
			break;
	}
	return found;
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
	Object.assign(block, {end, matches: 0, nodes: 0});
	sizes.observe(block);
	lines.append(block);
	return block;
}

/* ---- status ---- */

const number = n => n.toLocaleString("en");

let reason = ""; // for the state of the stream

function tell(words) {
	$("said").textContent = words;
}

function say() {
	const unseen = next - Math.max(until, first);

	$("follow").textContent = following ? "Pause"
		: unseen > 0 ? `Follow (${number(unseen)} new)` : "Follow";
	$("count").textContent = `${number(shown)} of ${number(next)} lines` +
		(sought ? `, ${number(matches)} match.` : ".");
}

function follow(on) {
	if (on || following)
		until = next;
	following = on;
	place = null;
	step = 0;
	stick();
	drawSoon();
}

/* ---- search ---- */

/* /expression/flags, or text, which ignores case unless it has capitals. */
function expression(words) {
	const [, source, flags] = /^\/(.+)\/([dgimsuvy]*)$/.exec(words) ?? [];

	if (source !== undefined)
		return new RegExp(source, flags.includes("g") ? flags : flags + "g");
	return new RegExp(words.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"),
		words === words.toLowerCase() ? "gi" : "g");
}

let typed = null; // the timer that starts the search after typing

function search() {
	const words = $("sought").value;
	let wrong = "";

	clearTimeout(typed);
	typed = null;
	step = 0;
	try {
		sought = words === "" ? null : expression(words);
	} catch (error) {
		wrong = error.message;
		sought = null;
	}
	if ($("sought").validationMessage !== wrong)
		tell(wrong || reason);
	$("sought").setCustomValidity(wrong);
	drawAnew();
}

/* Scrolls to the next line with a match, and makes it the current one. */
function go(by) {
	if (typed !== null)
		search();
	if (drawn < until) {
		step = by;
		return;
	}
	const all = [...lines.querySelectorAll(".match")];
	const current = lines.querySelector(".current");
	const at = all.indexOf(current);
	const to = all[at < 0 ? (by > 0 ? 0 : all.length - 1)
		: (at + by + all.length) % all.length];

	step = 0;
	if (to === undefined)
		return;
	follow(false);
	current?.classList.remove("current");
	to.classList.add("current");
	to.scrollIntoView({block: "center"});
	before = lines.scrollTop;
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
	tell(`${number(shown)} lines are copied.`);
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
	if (["ArrowUp", "PageUp", "Home"].includes(event.key))
		up();
	if (!KEYS[event.key] || event.ctrlKey || event.altKey || event.metaKey)
		return;
	event.preventDefault();
	KEYS[event.key]();
});

/*
 * Only the reader pauses the page, by scrolling up, and only the reader lets it
 * follow again, by scrolling to the end. A wheel, a finger and keys are seen
 * before they scroll; a scrollbar, or the browser's search, when it has scrolled
 * without a change of what is shown.
 */
let before = 0, height = 0; // scrollTop, and scrollHeight, as the page left them
let finger = 0;

function stick() {
	if (following)
		lines.scrollTop = 1e9;
	before = lines.scrollTop;
	height = lines.scrollHeight;
}

/* What has grown, or is laid out anew, does not move the end away. */
const sizes = new ResizeObserver(() =>
	following && drawn === until && stick());
sizes.observe(lines);

function up() {
	if (following && lines.scrollTop > 0)
		follow(false);
}

lines.addEventListener("wheel", ({deltaY, ctrlKey}) =>
	deltaY < 0 && !ctrlKey && up(), {passive: true});
lines.addEventListener("touchstart", ({touches}) =>
	finger = touches[0].clientY, {passive: true});
lines.addEventListener("touchmove", ({touches}) =>
	touches[0].clientY > finger + 5 && up(), {passive: true});
lines.addEventListener("scroll", () => {
	const top = lines.scrollTop;
	const end = lines.scrollHeight - top - lines.clientHeight < 30;

	if (top !== before)
		place = null;
	if (following && top < before - 5 && !end && lines.scrollHeight === height)
		follow(false);
	else if (!following && top > before && end && until === next)
		follow(true);
	before = top;
}, {passive: true});

const topOf = node => node.getBoundingClientRect().top;

/* Scrolls so that a line is at the top. */
function toTop(line) {
	if (line)
		lines.scrollTop += topOf(line) - topOf(lines) - 1;
	before = lines.scrollTop;
}

/* The line that is at the top. */
function topLine() {
	const below = nodes => [...nodes].find(node =>
		node.getBoundingClientRect().bottom > topOf(lines) + 2);
	const block = below(lines.children);

	return block && below(block.children);
}

/* ---- the stream ---- */

function show(state) {
	$("state").textContent = $("state").dataset.state = state;
}

function open(given) {
	const src = URL.canParse(given, location.href) &&
		new URL(given, location.href);

	if (src.origin !== location.origin) {
		show("closed");
		tell(`${given} is no stream of this site, so it is not opened.`);
		return;
	}
	document.title = `${src.pathname}: log`;
	$("title").textContent = src.pathname + src.search;
	const source = new EventSource(src);

	source.addEventListener("state", () => {
		show(source.state);
		({reason} = source);
		tell(reason);
	});
	every(source, take);
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
