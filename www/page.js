/*
 * page.js: code that the demo pages share: a panel that shows the state of its
 * stream, and lists that are drawn once per frame, however many lines arrive.
 */
export const $ = id => document.getElementById(id);

export function make(name, properties, ...children) {
	const node = document.createElement(name);

	Object.assign(node, properties);
	node.append(...children);
	return node;
}

/* Handles each event of a stream of sse.js, of any type, in dispatchEvent. */
export function every(source, take) {
	const dispatch = source.dispatchEvent;

	source.dispatchEvent = event => {
		if (event instanceof MessageEvent)
			take(event);
		return dispatch.call(source, event);
	};
}

/* A section of the page that shows a state in one word, and what is wrong. */
export class Panel {
	constructor(id) {
		this.state = $(id).querySelector(".state");
		this.said = $(id).querySelector(".said");
	}

	show(state, words = "", bad = false) {
		this.state.textContent = this.state.dataset.state = state;
		if (this.said.textContent !== words) // screen readers read each change
			this.said.textContent = words;
		this.said.toggleAttribute("data-bad", bad);
	}

	/* Shows the state of a stream of sse.js; common errors with their cause. */
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

/* Shows the newest lines; scrolls to them unless the reader has scrolled up. */
export class Lines {
	constructor(id, max = 200) {
		this.node = $(id);
		this.max = max;
		this.came = [];
	}

	add(...line) {
		if (this.came.push(make("div", {}, ...line)) === 1)
			requestAnimationFrame(() => this.draw());
		if (this.came.length > this.max) // a hidden tab does not draw
			this.came.shift();
	}

	lost(why) {
		this.add(make("span", {className: "note",
			textContent: `Lines were lost: ${why}`}));
	}

	draw() {
		const {node, came} = this;
		const below = node.scrollHeight - node.scrollTop - node.clientHeight;

		node.append(...came);
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
