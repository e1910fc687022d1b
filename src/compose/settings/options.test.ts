import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fail, ok } from "../../core/failure/result.ts";
import { helpText, readOptions, type ReadSettingsFile } from "./options.ts";

const options = {
  endpoint: { kind: "text", required: true, help: "Where it is served" },
  name: { kind: "text", help: "A name" },
  roots: { kind: "list", default: ["/a"], help: "Folders" },
  "wait-ms": { kind: "number", default: 100, min: 10, max: 1_000, help: "How long" },
  attach: { kind: "choice", default: "kubernetes", choices: ["kubernetes", "driver"], help: "Who attaches" },
} as const;

const noFile: ReadSettingsFile = () => Promise.resolve(fail("no file was asked for"));
const defaults = {
  endpoint: "unix:///s",
  name: undefined,
  roots: ["/a"],
  "wait-ms": 100,
  attach: "kubernetes",
};

describe("readOptions", () => {
  it("takes flags, and defaults for flags that are not given", async () => {
    assert.deepEqual(await readOptions(options, ["--endpoint=unix:///s"], noFile), ok(defaults));
    assert.deepEqual(
      await readOptions(
        options,
        [
          "--endpoint",
          "unix:///s",
          "--wait-ms=20",
          "--attach",
          "driver",
          "--roots=/b,/c",
          "--roots=/d",
          "--name=n",
        ],
        noFile,
      ),
      ok({ endpoint: "unix:///s", name: "n", roots: ["/b", "/c", "/d"], "wait-ms": 20, attach: "driver" }),
    );
  });

  it("takes the same settings from a file; flags win over it", async () => {
    const file: ReadSettingsFile = (path) =>
      Promise.resolve(
        path === "s.yaml"
          ? ok({ endpoint: "tcp://x:1", "wait-ms": 50, roots: ["/f", "/g"] })
          : fail("another file"),
      );
    assert.deepEqual(
      await readOptions(options, ["--config=s.yaml", "--wait-ms=60"], file),
      ok({ ...defaults, endpoint: "tcp://x:1", "wait-ms": 60, roots: ["/f", "/g"] }),
    );
  });

  it("answers help, whatever else is wrong", async () => {
    assert.deepEqual(await readOptions(options, ["--help"], noFile), ok("help"));
  });

  const wrong: readonly { readonly argv: readonly string[]; readonly sentence: RegExp }[] = [
    { argv: [], sentence: /--endpoint must be given: Where it is served/u },
    {
      argv: ["--endpoint=x", "--wait-ms=5"],
      sentence: /--wait-ms is "5": must be a number from 10 to 1000/u,
    },
    { argv: ["--endpoint=x", "--wait-ms=soon"], sentence: /--wait-ms is "soon": must be a number/u },
    {
      argv: ["--endpoint=x", "--attach=neither"],
      sentence: /--attach is "neither": must be one of kubernetes, driver/u,
    },
    {
      argv: ["--endpoint=x", "--atach=driver"],
      sentence: /there is no setting atach; did you mean attach\?/u,
    },
    { argv: ["--endpoint"], sentence: /--endpoint needs a value/u },
    { argv: ["--endpoint=x", "surplus"], sentence: /unexpected argument "surplus"/u },
  ];
  for (const { argv, sentence } of wrong) {
    it(`refuses ${JSON.stringify(argv)}: names the setting and what is allowed`, async () => {
      const read = await readOptions(options, argv, noFile);
      assert.match(read.ok ? "" : read.failure, sentence);
    });
  }

  it("refuses a setting that no flag has, naming the file", async () => {
    const read = await readOptions(options, ["--config=s.yaml"], () => Promise.resolve(ok({ endpont: "x" })));
    assert.equal(
      read.ok ? "" : read.failure,
      "s.yaml: there is no setting endpont; did you mean endpoint? --help lists them",
    );
  });
});

describe("helpText", () => {
  it("lists each setting with its default and bounds", () => {
    const text = helpText("usage", options);
    assert.match(text, /--wait-ms <number>\n {6}How long \(default 100; 10 to 1000\)/u);
    assert.match(text, /--attach <kubernetes\|driver>/u);
    assert.match(text, /--endpoint <text>\n {6}Where it is served \(must be given\)/u);
  });
});
