import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Options } from "./options.ts";
import { completeCommandLine, readCommandLine, readFlags } from "./read-command-line.ts";

const options = {
  endpoint: { kind: "text", required: true, help: "Where it is served", subject: "Serving" },
  name: {
    kind: "text",
    help: "A name",
    problem: (name) => (name === "x y" ? "expected one word" : undefined),
  },
  roots: { kind: "list", default: ["/a"], help: "Folders" },
  parts: { kind: "list", choices: ["one", "two"], help: "Parts" },
  "wait-ms": { kind: "number", default: 100, min: 10, max: 1_000, help: "How long" },
  seed: { kind: "number", min: 0, max: Number.MAX_SAFE_INTEGER, isWhole: true, help: "Where it begins" },
  attach: { kind: "choice", default: "kubernetes", choices: ["kubernetes", "driver"], help: "Who attaches" },
  json: { kind: "flag", help: "As JSON" },
} as const satisfies Options;
const program = { name: "prog", usage: "prog [flags]", options };
const defaults = {
  endpoint: "unix:///s",
  name: undefined,
  roots: ["/a"],
  parts: undefined,
  waitMs: 100,
  seed: undefined,
  attach: "kubernetes",
  json: false,
};

describe("readCommandLine", () => {
  it("takes flags, and defaults for flags that are not given", () => {
    assert.deepEqual(readCommandLine(program, ["--endpoint=unix:///s"]), {
      kind: "Run",
      values: defaults,
      words: [],
    });
    const given =
      "--endpoint unix:///s --wait-ms=20.5 --attach driver --roots=/b,/c --roots=/d --name=n " +
      "--seed 7 --parts two,one --json";
    const command = readCommandLine(program, given.split(" "));
    assert.deepEqual(command.kind === "Run" ? command.values : command, {
      endpoint: "unix:///s",
      name: "n",
      roots: ["/b", "/c", "/d"],
      parts: ["two", "one"],
      waitMs: 20.5,
      seed: 7,
      attach: "driver",
      json: true,
    });
  });

  for (const flag of ["-h", "--help"])
    it(`answers ${flag}, whatever else is wrong`, () => {
      const command = readCommandLine(program, ["--bogus", flag, "--wait-ms=x"]);
      assert.match(
        command.kind === "Print" ? command.text : "",
        /^prog \[flags\]\n\nServing:\n {2}--endpoint /u,
      );
    });

  it("answers --version", () => {
    const command = readCommandLine(program, ["--version"]);
    assert.match(command.kind === "Print" ? command.text : "", /^prog \d+\.\d+\.\d+\n$/u);
  });

  it("reports all that is wrong at once, and how to get help", () => {
    const args = ["--wait-ms=5", "--attach=drivr", "--sed=1"];
    assert.deepEqual(readCommandLine(program, args), {
      kind: "Refuse",
      problems: [
        "--sed: unknown flag; did you mean --seed?",
        "--endpoint: must be given: Where it is served",
        '--wait-ms: got "5"; expected a number from 10 to 1000',
        '--attach: got "drivr"; expected one of kubernetes, driver; did you mean driver?',
      ],
      text:
        "prog: --sed: unknown flag; did you mean --seed?\n" +
        "prog: --endpoint: must be given: Where it is served\n" +
        'prog: --wait-ms: got "5"; expected a number from 10 to 1000\n' +
        'prog: --attach: got "drivr"; expected one of kubernetes, driver; did you mean driver?\n' +
        "Try prog --help.\n",
    });
  });

  const wrong: readonly { readonly argv: readonly string[]; readonly problem: string }[] = [
    { argv: ["--wait-ms=soon"], problem: '--wait-ms: got "soon"; expected a number from 10 to 1000' },
    { argv: ["--wait-ms="], problem: '--wait-ms: got ""; expected a number from 10 to 1000' },
    { argv: ["--seed", "-1"], problem: '--seed: got "-1"; expected a whole number from 0' },
    { argv: ["--seed=1.5"], problem: '--seed: got "1.5"; expected a whole number from 0' },
    { argv: ["--name=x y"], problem: '--name: got "x y"; expected one word' },
    { argv: ["--json=yes"], problem: '--json: got "yes"; expected true or false' },
    {
      argv: ["--parts=one,twoo"],
      problem: '--parts: got "twoo"; expected some of one, two, by comma; did you mean two?',
    },
    { argv: ["--name"], problem: "--name: got no value; expected a value" },
    { argv: ["--name", "--json"], problem: "--name: got no value; expected a value" },
    {
      argv: ["--wait-ms=20", "--wait-ms", "30", "--wait-ms=20"],
      problem: '--wait-ms: got "20" and "30"; expected one value',
    },
    { argv: ["--name=a", "--name=b"], problem: '--name: got "a" and "b"; expected one value' },
    {
      argv: ["--attach=driver", "--attach=kubernetes"],
      problem: '--attach: got "driver" and "kubernetes"; expected one value',
    },
    { argv: ["--json", "--json=false"], problem: '--json: got "true" and "false"; expected one value' },
    { argv: ["--constructor=x"], problem: "--constructor: unknown flag" },
    { argv: ["-x"], problem: "-x: unknown flag" },
    { argv: ["surplus"], problem: '"surplus": unexpected argument; settings are flags' },
  ];
  for (const { argv, problem } of wrong)
    it(`refuses ${JSON.stringify(argv)}: names the flag and what is allowed`, () => {
      const command = readCommandLine(program, ["--endpoint=e", ...argv]);
      assert.deepEqual(command.kind === "Refuse" ? command.problems : [], [problem]);
    });

  it("takes a flag twice that says the same, and a list in parts", () => {
    const argv = ["--endpoint=e", "--name=n", "--name", "n", "--json", "--json", "--roots=/b", "--roots=/c"];
    const command = readCommandLine(program, argv);
    assert.deepEqual(command.kind === "Run" ? command.values : command, {
      ...defaults,
      endpoint: "e",
      name: "n",
      roots: ["/b", "/c"],
      json: true,
    });
  });

  it("takes words besides flags only where the program does", () => {
    const words = (allowed: "any" | readonly string[], ...argv: readonly string[]) =>
      readCommandLine({ ...program, words: allowed }, ["--endpoint=e", ...argv]);
    const any = words("any", "what", "--json", "ever");
    assert.deepEqual(any.kind === "Run" ? any.words : any, ["what", "ever"]);
    const refused = words(["start", "stop"], "stpo", "start");
    assert.deepEqual(refused.kind === "Refuse" ? refused.problems : [], [
      'got "stpo"; expected some of start, stop',
    ]);
  });

  it("asks the program about values that are right one by one", () => {
    const command = readCommandLine(
      {
        ...program,
        problems: ({ name, json }) => (json && name === undefined ? ["--json: needs --name"] : []),
      },
      ["--endpoint=e", "--json"],
    );
    assert.deepEqual(command.kind === "Refuse" ? command.problems : [], ["--json: needs --name"]);
  });
});

describe("a settings file", () => {
  const read = (argv: readonly string[], settings: Readonly<Record<string, unknown>>) =>
    completeCommandLine(program, readFlags(program, argv), { path: "s.yaml", settings });

  it("gives the same settings; flags win over it", () => {
    const settings = { endpoint: "tcp://x:1", "wait-ms": 50, roots: ["/f", "/g"], json: true, name: null };
    const command = read(["--wait-ms=60"], settings);
    assert.deepEqual(command.kind === "Run" ? command.values : command, {
      ...defaults,
      endpoint: "tcp://x:1",
      waitMs: 60,
      roots: ["/f", "/g"],
      json: true,
    });
  });

  it("is named by what is wrong in it", () => {
    const wrong = { endpont: "x", name: ["a", "b"], "wait-ms": "5 s", roots: ["/f", { path: "/g" }] };
    const command = read([], wrong);
    assert.deepEqual(command.kind === "Refuse" ? command.problems : [], [
      "--endpont (s.yaml): unknown setting; did you mean --endpoint?",
      '--roots (s.yaml): got {"path":"/g"}; expected texts, by comma',
      "--endpoint: must be given: Where it is served",
      '--name (s.yaml): got "a" and "b"; expected one value',
      '--wait-ms (s.yaml): got "5 s"; expected a number from 10 to 1000',
    ]);
  });
});

describe("--help", () => {
  it("groups flags by subject, with defaults and bounds in brackets", () => {
    const command = readCommandLine(program, ["--help"]);
    const text = command.kind === "Print" ? command.text : "";
    assert.match(text, /\n\nServing:\n {2}--endpoint <text>\n {6}Where it is served \(must be given\)\n/u);
    assert.match(text, /\n\nGeneral:\n {2}--name <text>\n {6}A name\n/u);
    assert.match(text, / {2}--wait-ms <number>\n {6}How long \(default 100; from 10 to 1000\)\n/u);
    assert.match(text, / {2}--seed <number>\n {6}Where it begins \(from 0\)\n/u);
    assert.match(text, / {2}--attach <kubernetes\|driver>\n {6}Who attaches \(default kubernetes\)\n/u);
    assert.match(text, / {2}-h, --help\n {6}Print this and exit\n {2}--version\n/u);
  });

  it("fits a terminal", () => {
    const long = { kind: "text", help: "word ".repeat(60).trim() } as const;
    const command = readCommandLine({ ...program, options: { long } }, ["-h"]);
    const lines = (command.kind === "Print" ? command.text : "").split("\n");
    assert.ok(lines.every((line) => line.length <= 100));
    assert.equal(lines.join(" ").match(/word/gu)?.length, 60);
  });
});
