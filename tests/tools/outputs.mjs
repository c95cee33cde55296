/*
 * outputs: bytes that an encoder or a decoder might take for something else,
 * for roundtrip.mjs and chunks.mjs. The same seed makes the same bytes.
 *
 *	const {random, pick, bytes} = outputs(seed);
 *	random(6);               // 0 to 5
 *	pick([1, 2, 3]);         // one of them
 *	bytes(100, [13]);        // a Buffer of about 100 bytes, no CR
 *
 * seen(buffer) is the text that a client must show for these bytes.
 */
const traps = ["data: y", "id: 1", "event: e", "retry: 1", ":", " ", ": ",
	"\u{feff}", "ä", "€", "\u{1f600}", "\t", "\0", "\x1a", "\u2028", "\x85",
	"\r", "\n", "\r\n", "\n\n", "data", "data:"]
	.map(text => Buffer.from(text));

const decoder = new TextDecoder("utf-8", {ignoreBOM: true});

export const seen = buffer => decoder.decode(buffer);

/* mulberry32: small, and the same everywhere */
export function outputs(seed) {
	let state = Number(seed) >>> 0;

	function random(below) {
		state = (state + 0x6d2b79f5) >>> 0;
		let n = Math.imul(state ^ (state >>> 15), state | 1);
		n ^= n + Math.imul(n ^ (n >>> 7), n | 61);
		return ((n ^ (n >>> 14)) >>> 0) % below;
	}

	const pick = list => list[random(list.length)];

	function bytes(n, without) {
		const parts = [];

		for (let left = n; left > 0;) {
			const part = random(4) ? Buffer.from([random(256)])
				: pick(traps);
			parts.push(part);
			left -= part.length;
		}
		return Buffer.from(Buffer.concat(parts)
			.filter(byte => !without.includes(byte)));
	}

	return {random, pick, bytes};
}
