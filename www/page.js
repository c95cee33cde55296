/*
 * page.js: what the demo pages share: a panel that says how its stream is, and
 * lists of lines that are drawn once a frame, however many come.
 */
export const $ = id => document.getElementById(id);

export function make(name, properties, ...children) {
	const node = document.createElement(name);

	Object.assign(node, properties);
	node.append(...children);
	return node;
}

/* Each event of a stream of sse.js, of any type: it dispatches them all. */
export function every(source, take) {
	const dispatch = source.dispatchEvent;

	source.dispatchEvent = event => {
		if (event instanceof MessageEvent)
			take(event);
		return dispatch.call(source, event);
	};
}

/* A section of the page, with its state in a word and what is wrong in others. */
export class Panel {
	constructor(id) {
		this.state = $(id).querySelector(".state");
		this.said = $(id).querySelector(".said");
	}

	show(state, words = "", bad = false) {
		this.state.textContent = this.state.dataset.state = state;
		if (this.said.textContent !== words) // or it would be read aloud again
			this.said.textContent = words;
		this.said.toggleAttribute("data-bad", bad);
	}

	/* As a stream of sse.js says; the more usual refusals with their cause. */
	follow(source) {
		const {pathname} = new URL(source.url);
		const causes = {
			404: `There is no program at ${pathname} on this server (404).`,
			403: `The server may not run ${pathname} (403): is it executable, ` +
				"is CGI allowed there, does -O name this site?",
			500: `The program at ${pathname} does not start (500); the ` +
				"server’s error log says why.",
		};
		const say = () => this.show(source.state,
			causes[source.status] ?? source.reason,
			!["open", "connecting", "hidden"].includes(source.state));

		source.addEventListener("state", say);
		say();
	}
}

/* The newest lines of a list; it is scrolled unless its reader has. */
export class Lines {
	constructor(id, max = 200) {
		this.node = $(id);
		this.max = max;
		this.came = [];
	}

	add(...line) {
		if (this.came.push(make("div", {}, ...line)) > 1)
			return;
		requestAnimationFrame(() => this.draw());
	}

	draw() {
		const {node, came} = this;
		const below = node.scrollHeight - node.scrollTop - node.clientHeight;

		node.append(...came.slice(-this.max));
		this.came = [];
		while (node.children.length > this.max)
			node.firstChild.remove();
		if (below < 20)
			node.scrollTop = node.scrollHeight;
	}

	clear() {
		this.came = [];
		this.node.replaceChildren();
	}
}
