/*
 * chat.js: the panel "chat" of chat.html: shows events of the type "chat" as
 * text, and has a form that posts one.
 */
import {EventSource} from "./sse.js";
import {$, Lines, Panel} from "./page.js";

const {news, publish} = $("chat").dataset;
const panel = new Panel("chat");
const said = new Lines("said", 500);
const source = new EventSource(news);

source.addEventListener("chat", event => said.add(event.data));
source.addEventListener("gap", () => said.clear());
panel.follow(source);

$("say").addEventListener("submit", async event => {
	event.preventDefault();
	try {
		const answer = await fetch(publish,
			{method: "POST", body: $("text").value});

		if (answer.ok)
			$("text").value = "";
		panel.show(source.state, answer.ok ? "" :
			`The server refused it: ${answer.status}.`, !answer.ok);
	} catch {
		panel.show(source.state, "Not sent: there is no connection.", true);
	}
});
