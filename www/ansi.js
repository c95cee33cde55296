/*
 * ansi.js: turns a line with terminal escape sequences into text and spans.
 * Colours and styles (SGR) become classes of log.css; other sequences are left
 * out; other control characters become their symbols (U+2400 on).
 */
const SEQUENCE = new RegExp("\x1b(?:" + [
	"\\[[0-?]*[ -/]*[@-~]", // CSI, SGR among them
	"\\][^\x07\x1b]*(?:\x07|\x1b\\\\|$)", // OSC: titles, links
	"[PX^_][^\x1b]*(?:\x1b\\\\|$)", // DCS, SOS, PM, APC
	"[ -/]*[0-~]?", // all others
].join("|") + ")", "g");
const SGR = /^\x1b\[([\d;:]*)m$/;
const ON = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "inverse",
	9: "strike"};
const OFF = {21: ["bold"], 22: ["bold", "dim"], 23: ["italic"],
	24: ["underline"], 27: ["inverse"], 29: ["strike"]};

const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/g;

/* A line without its escape sequences, for the search. */
export const plain = line => line.includes("\x1b")
	? line.replace(SEQUENCE, "") : line;

/*
 * The nodes of a line. found: the matches in plain(line) to be marked, as
 * matchAll returns them.
 */
export function pieces(line, found = []) {
	const style = {on: new Set(), f: "", b: ""};
	const nodes = [];
	let from = 0, passed = 0; // offsets in the line and in its plain text

	/* Adds text between two sequences, split where a match begins or ends. */
	function put(text) {
		let at = 0;

		for (const match of found) {
			const start = Math.max(at, match.index - passed);
			const end = Math.min(text.length,
				match.index + match[0].length - passed);
			if (start >= end)
				continue;
			nodes.push(...styled(text.slice(at, start), style),
				...styled(text.slice(start, end), style, "mark"));
			at = end;
		}
		nodes.push(...styled(text.slice(at), style));
		passed += text.length;
	}

	for (const sequence of line.matchAll(SEQUENCE)) {
		put(line.slice(from, sequence.index));
		from = sequence.index + sequence[0].length;
		const codes = SGR.exec(sequence[0]);
		if (codes !== null)
			change(style, codes[1].split(/[;:]/).map(Number));
	}
	put(line.slice(from));
	return nodes;
}

/* Nothing, text, or an element around text. */
function styled(text, {on, f, b}, name = "span") {
	const shown = text.replace(CONTROL, c => c === "\x7f" ? "\u2421"
		: String.fromCharCode(0x2400 + c.charCodeAt(0)));
	const classes = [...on];

	if (shown === "")
		return [];
	for (const [kind, color] of [["f", f], ["b", b]])
		if (typeof color === "number")
			classes.push(kind + color);
	if (name === "span" && classes.length === 0 && !f && !b)
		return [shown];
	const node = document.createElement(name);
	node.className = classes.join(" ");
	node.textContent = shown;
	if (typeof f === "string" && name === "span")
		node.style.color = f;
	if (typeof b === "string" && name === "span")
		node.style.backgroundColor = b;
	return [node];
}

function change(style, codes) {
	for (let i = 0; i < codes.length; i++) {
		const code = codes[i], tens = Math.floor(code / 10), color = code % 10;

		if (code === 0)
			Object.assign(style, {f: "", b: ""}).on.clear();
		else if (ON[code])
			style.on.add(ON[code]);
		else if (OFF[code])
			OFF[code].forEach(name => style.on.delete(name));
		else if (code === 38 || code === 48) {
			const [value, used] = extended(codes.slice(i + 1));
			style[code === 38 ? "f" : "b"] = value;
			i += used;
		} else if ([3, 9, 4, 10].includes(tens) && color < 8)
			style[tens === 3 || tens === 9 ? "f" : "b"] = color;
		else if (code === 39 || code === 49)
			style[code === 39 ? "f" : "b"] = "";
	}
}

/* 5;N or 2;R;G;B: returns the colour, and how many codes it has. */
function extended([kind, n, g, b]) {
	if (kind === 2)
		return [`rgb(${n || 0} ${g || 0} ${b || 0})`, 4];
	if (kind !== 5 || !(n <= 255))
		return ["", 2];
	if (n < 16)
		return [n % 8, 2];
	if (n >= 232)
		return [`rgb(${Array(3).fill(8 + 10 * (n - 232)).join(" ")})`, 2];
	const level = i => i === 0 ? 0 : 55 + 40 * i;
	return [`rgb(${[Math.floor((n - 16) / 36), Math.floor((n - 16) / 6) % 6,
		(n - 16) % 6].map(level).join(" ")})`, 2];
}
