/*
 * ansi.js: turns a line with terminal escape sequences into text and spans.
 * Colours and styles (SGR) become classes of log.css; other sequences are left
 * out; other control characters become their symbols (U+2400 on).
 */
const SEQUENCE = new RegExp("\x1b(?:" + [
	"\\[[0-?]*[ -/]*(?:[@-~]|$)", // CSI, SGR among them
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
 * The nodes of a line. found: the matches in plain(line) to be marked, in order,
 * as matchAll returns them. After max nodes the style does not change any more.
 */
export function pieces(line, found = [], max = Infinity) {
	const style = {on: new Set(), f: "", b: ""};
	const nodes = [];
	let from = 0, passed = 0; // offsets in the line and in its plain text
	let next = 0; // the match that has not ended yet

	/* Adds text between two sequences, split where a match begins or ends. */
	function put(text) {
		let at = 0;

		for (; next < found.length; next++) {
			const start = Math.max(at, found[next].index - passed);
			const end = found[next].index + found[next][0].length - passed;
			if (start >= text.length)
				break;
			nodes.push(...styled(text.slice(at, start), style),
				...styled(text.slice(start, end), style, "mark"));
			at = end;
			if (end > text.length)
				break;
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
		if (nodes.length >= max)
			break;
	}
	put(plain(line.slice(from)));
	return nodes;
}

/*
 * Nothing, text, or an element around text. Only one colour is shown, of the
 * background if there is one: two might not be readable together.
 */
function styled(text, {on, f, b}, name = "span") {
	const shown = text.replace(CONTROL, c => c === "\x7f" ? "\u2421"
		: String.fromCharCode(0x2400 + c.charCodeAt(0)));
	const back = on.has("inverse") || b !== "";
	const color = on.has("inverse") || !back ? f : b;
	const classes = [...on];

	if (shown === "")
		return [];
	if (back)
		classes.push("back");
	else if (color !== "")
		classes.push("fore");
	if (color !== "")
		classes.push(typeof color === "number" ? "f" + color : "given");
	if (name === "span" && classes.length === 0)
		return [shown];
	const node = document.createElement(name);
	node.className = classes.join(" ");
	node.textContent = shown;
	if (typeof color === "string" && color !== "")
		node.style.setProperty("--given", color);
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
