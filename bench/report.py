"""What was measured, as a Markdown page, JSON and SVG plots."""

import datetime
import html
import json
import os
import pathlib
import platform
import statistics
import subprocess

from measure import MANY

# Measure: title, unit, places, whether more is better.
TITLES = {
    'first': ('Time to the first frame', 'us, median', 0),
    'first99': ('Time to the first frame', 'us, 99 %', 0),
    'publish': ('From a writer to a page in Chromium', 'us, median', 0),
    'publish99': ('From a writer to a page in Chromium', 'us, 99 %', 0),
    'pss': ('Memory a viewer, processes', 'KB of PSS', 1),
    'memory': ('Memory a viewer, the whole machine', 'KB of MemAvailable', 1),
    'fanout': ('CPU of an event to one viewer', 'us', 1),
    'delay': ("Delay from the writer's clock to the viewer",
              'us, median', 0),
    'delay99': ("Delay from the writer's clock to the viewer", 'us, 99 %', 0),
    'stream': ('One stream', 'million events/s', 3),
    'stream_bytes': ('One stream', 'MB/s', 0),
    'filter': ('Filter, file to pipe', 'MB/s of input', 1),
    'live': ('Filter, a write a line', 'million lines/s', 3),
    'live_cpu': ('Filter, a write a line', 'us of CPU of a line', 2),
    'tail': ('A log that catches up', 'MB/s of input', 1),
    'start': ('A program from start to end', 'us', 0),
    'size': ('Size of a static program, stripped', 'KB', 1),
    'client': ("The load client's share of a core", '%', 1),
    'stream_client': ("The load client's share of a core, one stream",
                      '%', 0),
}

NOTES = {
    'first': 'From the connect to the end of the first frame, a comment or '
             '`retry` as well; one request after the other. sse-share: its '
             'channel is there.',
    'publish': 'sse-tail: a line is appended to a file; nchan: a message is '
               'posted. One every 5 ms or so, from before the writing to the '
               'page that has it.',
    'memory': 'Fall of MemAvailable: with kernel memory, and with both ends '
              'of every connection, the same for all.',
    'fanout': 'Server and programs together.',
    'stream': '100-byte lines. sse-pipe reads the lines, `cat` copies a file '
              'of ready frames through the same lighttpd.',
    'filter': '100-byte lines; `cat` adds no frames and is the limit.',
    'live': 'Lines of 100 bytes as fast as they can be written, each by a '
            'write of its own; `cat` adds no frames and is the limit.',
    'tail': 'A file of 100-byte lines from its start; with ids in `sse-tail`.',
    'delay': 'nchan, Express, better-sse and sse-share: one writer for all; '
             'the others: a process a viewer.',
}

# Name, what is compared with what, at so many viewers, and the budget: at
# least, and the goal.
BUDGET = [
    ('start-up, static / bare static program', 'start', None,
     'sse-counter, static', 'nothing, static', '<=', 1.1, 1.1),
    ('start-up, static / dash', 'start', None,
     'sse-counter, static', 'dash', '<=', None, 0.2),
    ('first frame, sse-counter / bare C program', 'first', None,
     'sse-counter', 'bare C program', '<=', 1.1, None),
    ('first frame, sse-counter / better-sse', 'first', None,
     'sse-counter', 'better-sse', '<=', 1, None),
    ('first frame, sse-counter / websocketd', 'first', None,
     'sse-counter', 'websocketd', '<=', 1, None),
    ('first frame, sse-counter / warm Express', 'first', None,
     'sse-counter', 'Express', '<=', None, 1),
    ('memory a viewer, sse-counter, PSS at 1,000', 'pss', 1000,
     'sse-counter', None, '<=', 25, 21),
    ('memory a viewer, sse-share, at 1,000', 'memory', 1000,
     'sse-share', None, '<=', 20, None),
    (f'memory a viewer, sse-share, at {MANY:,}', 'memory', MANY,
     'sse-share', None, '<=', 40, None),
    ('memory a viewer, sse-share / nchan, at 1,000', 'memory', 1000,
     'sse-share', 'nchan', '<=', None, 1),
    ('memory a viewer, sse-share / nchan, PSS at 1,000', 'pss', 1000,
     'sse-share', 'nchan', '<=', None, 1),
    ('fan-out at 1,000, sse-share / Express', 'fanout', 1000,
     'sse-share', 'Express', '<=', 1, None),
    ('fan-out at 1,000, sse-share / better-sse', 'fanout', 1000,
     'sse-share', 'better-sse', '<=', 1, None),
    ('fan-out at 1,000, sse-share / nchan', 'fanout', 1000,
     'sse-share', 'nchan', '<=', None, 1.1),
    ('one stream, sse-pipe / `cat` of the frames', 'stream', None,
     'sse-pipe', 'cat of the frames', '>=', 1.3, 1.6),
    ('filter, sse-pipe / `cat`', 'filter', None,
     'sse-pipe', 'cat', '>=', 1.3, None),
    ('filter, sse-pipe / mawk', 'filter', None,
     'sse-pipe', 'mawk', '>=', 3, None),
    ('filter, a write a line, sse-pipe / C with fflush', 'live', None,
     'sse-pipe', 'C with fflush', '>=', 2, None),
    ('the same, CPU of a line', 'live_cpu', None,
     'sse-pipe', 'C with fflush', '<=', 0.4, None),
    ('a log that catches up, sse-tail / `cat`', 'tail', None,
     'sse-tail', 'cat', '>=', 0.5, 0.8),
    ('size of sse-share, the largest', 'size', None,
     'sse-share', None, '<=', 100, 40),
]

VERSIONS = {
    'lighttpd': '/usr/sbin/lighttpd -v', 'nginx': '/usr/sbin/nginx -v',
    'nchan': "dpkg-query -W -f '${Version}' libnginx-mod-nchan",
    'node': 'node --version', 'websocketd': 'websocketd --version',
    'express': 'node -p "require(\'express/package.json\').version"',
    'better-sse': 'sed -n \'s/.*"version": "\\(.*\\)".*/\\1/p\' '
                  'node_modules/better-sse/package.json',
    'gcc': 'gcc -dumpfullversion', 'perl': 'perl -e "print $^V"',
    'python': '/usr/bin/python3 --version', 'mawk': 'mawk -W version',
    'gawk': 'gawk --version', 'sed': 'sed --version',
    'dash': "dpkg-query -W -f '${Version}' dash",
    'musl': "dpkg-query -W -f '${Version}' musl",
    'sse-cgi': 'git describe --always --dirty',
}


def first_line(command):
    done = subprocess.run(command, shell=True, check=False, text=True,
                          cwd=pathlib.Path(__file__).parent,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return (done.stdout.strip().splitlines() or ['?'])[0].strip()


def machine():
    cpu = [line.split(':')[1].strip()
           for line in pathlib.Path('/proc/cpuinfo').read_text().splitlines()
           if line.startswith('model name')]
    pages = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
    return f'{len(cpu)} x {cpu[0] if cpu else "?"}, {pages >> 30} GB, ' \
        f'{platform.system()} {platform.release()}'


def holds(value, sign, limit):
    return limit is not None and \
        (value <= limit if sign == '<=' else value >= limit)


class Results:
    """Values of each measure, number of viewers and system."""

    def __init__(self, rounds):
        self.rounds = rounds
        self.seconds = 0.0
        self.values = {}  # (measure, viewers or None) -> system -> [value]

    def add(self, system, result, viewers=None):
        for name, value in result.items():
            if value is not None:
                self.values.setdefault((name, viewers), {}).setdefault(
                    system, []).append(value)

    def median(self, name, viewers, system):
        values = self.values.get((name, viewers), {}).get(system)
        return statistics.median(values) if values else None

    def cell(self, name, viewers, system):
        values = self.values.get((name, viewers), {}).get(system)
        if not values:
            return '-'
        places = TITLES[name][2]
        text = f'{statistics.median(values):,.{places}f}'
        if len(values) > 1:
            text += f' ({min(values):,.{places}f}-{max(values):,.{places}f})'
        return text

    def table(self, name):
        levels = sorted((key[1] for key in self.values if key[0] == name),
                        key=lambda level: level or 0)
        systems = list(dict.fromkeys(
            system for level in levels for system in
            self.values[name, level]))
        heads = [f'{level:,} viewer{"s" if level > 1 else ""}' if level
                 else TITLES[name][1] for level in levels]
        yield f'| | {" | ".join(heads)} |'
        yield f'|---|{"---:|" * len(levels)}'
        for system in systems:
            cells = (self.cell(name, level, system) for level in levels)
            yield f'| {system} | {" | ".join(cells)} |'

    def budget(self):
        yield '| | measured | at least | goal | |'
        yield '|---|---:|---:|---:|---|'
        for title, name, viewers, mine, other, sign, least, goal in BUDGET:
            value = self.median(name, viewers, mine)
            against = self.median(name, viewers, other) if other else 1
            if value is None or not against:
                continue
            value /= against
            if holds(value, sign, goal):
                verdict = 'the goal is met'
            elif holds(value, sign, least):
                verdict = 'met'
            else:
                verdict = '**not met**' if least else 'the goal is not met'
            limits = ' | '.join(f'{sign} {limit}' if limit else ''
                                for limit in (least, goal))
            yield f'| {title} | {value:.3f} | {limits} | {verdict} |'

    def page(self, versions):
        yield '# Measured'
        yield ''
        yield f'{datetime.date.today()}, {machine()}; {self.rounds} ' \
            f'alternating rounds in {self.seconds / 60:.0f} minutes. ' \
            'Medians, and the least and the most where there were several.' \
            ' Written by `make bench-peers`; see [../README.md](../README.md).'
        yield ''
        yield ', '.join(f'{name} {text}' for name, text in versions.items())
        yield ''
        yield '## Against the budget'
        yield ''
        yield from self.budget()
        for name, (title, unit, _) in TITLES.items():
            if not any(key[0] == name for key in self.values):
                continue
            yield ''
            yield f'## {title}: {unit}'
            yield ''
            if name in NOTES:
                yield NOTES[name]
                yield ''
            if name in PLOTS:
                yield f'![{title}]({name}.svg)'
                yield ''
            yield from self.table(name)

    def write(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        versions = {name: first_line(command)
                    for name, command in VERSIONS.items()}
        page = '\n'.join(self.page(versions)) + '\n'
        (folder / 'README.md').write_text(page)
        print(page)
        (folder / 'results.json').write_text(json.dumps({
            'date': str(datetime.date.today()),
            'machine': machine(),
            'rounds': self.rounds,
            'versions': versions,
            'figures': [
                {'measure': name, 'unit': TITLES[name][1], 'viewers': viewers,
                 'system': system, 'values': [round(v, 4) for v in values]}
                for (name, viewers), systems in self.values.items()
                for system, values in systems.items()],
        }, indent=1) + '\n')
        for name, viewers in PLOTS.items():
            if (name, viewers) in self.values:
                (folder / f'{name}.svg').write_text(
                    plot(self, name, viewers))


# Measures that are drawn, and at how many viewers.
PLOTS = {'first': None, 'memory': 1000, 'fanout': 1000, 'delay': 100,
         'stream': None, 'filter': None, 'start': None}


def plot(results, name, viewers):
    """Bars of the medians, the best first, with the spread as a line."""
    title, unit, places = TITLES[name]
    more = name in ('stream', 'filter')
    bars = sorted(((statistics.median(values), values, system) for
                   system, values in results.values[name, viewers].items()),
                  key=lambda bar: bar[0], reverse=more)
    most = max(max(values) for _, values, _ in bars)
    if viewers:
        title += f', {viewers:,} viewers'
    height = 40 + 24 * len(bars)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="720" '
        f'height="{height}" font-family="sans-serif" font-size="13">',
        '<rect width="100%" height="100%" fill="#fff"/>',
        f'<text x="10" y="20" font-weight="bold">{html.escape(title)} '
        f'({unit}; {"more" if more else "less"} is better)</text>']
    for row, (median, values, system) in enumerate(bars):
        y = 34 + 24 * row
        width, low, high = (max(1, 400 * value / most) for value in
                            (median, min(values), max(values)))
        color = '#1b6ca8' if system.startswith('sse-') else '#b8b8b8'
        lines += [
            f'<text x="150" y="{y + 14}" text-anchor="end">'
            f'{html.escape(system)}</text>',
            f'<rect x="160" y="{y}" width="{width:.1f}" height="18" '
            f'fill="{color}"/>',
            f'<path d="M{160 + low:.1f} {y + 9}H{160 + high:.1f}" '
            'stroke="#000"/>',
            f'<text x="{168 + high:.1f}" y="{y + 14}">'
            f'{median:,.{places}f}</text>']
    return '\n'.join(lines) + '\n</svg>\n'
