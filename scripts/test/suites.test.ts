import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { chooseSuites, findSuites, lanes } from "./suites.ts";
import type { Suite } from "./suites.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const SUITES: readonly Suite[] = [
  {
    name: "unit",
    files: ["src/core/units.test.ts", "src/core/volume/plan-disk.test.ts"],
    timeoutMs: 1,
    idleMaxMs: 1,
    needsParts: false,
    lane: "machine",
  },
  {
    name: "csi-sanity",
    files: ["test/csi-sanity/csi-sanity.test.ts"],
    timeoutMs: 1,
    idleMaxMs: 1,
    needsParts: false,
    lane: "machine",
  },
];

describe("suites", () => {
  it("hold every test file exactly once, unit tests first", async () => {
    const suites = await findSuites(ROOT);
    const files = suites.flatMap((suite) => suite.files);
    assert.equal(new Set(files).size, files.length);
    assert.equal(suites[0]?.name, "unit");
    assert.ok(files.includes("scripts/test/suites.test.ts"), files.join("\n"));
  });

  it("leave no lane empty, and the simulation alone in its own", async () => {
    const suites = await findSuites(ROOT);
    const ofLanes = lanes.map((lane) => suites.filter((suite) => suite.lane === lane));
    assert.ok(ofLanes.every((ofLane) => ofLane.length > 0));
    assert.deepEqual(
      ofLanes.at(-1)?.map(({ name }) => name),
      ["sim"],
    );
  });

  const rows = [
    {
      words: [],
      files: [
        "src/core/units.test.ts",
        "src/core/volume/plan-disk.test.ts",
        "test/csi-sanity/csi-sanity.test.ts",
      ],
      because: "nothing was asked for",
    },
    {
      words: ["unit"],
      files: ["src/core/units.test.ts", "src/core/volume/plan-disk.test.ts"],
      because: "a suite's name means all of it",
    },
    {
      words: ["plan-disk"],
      files: ["src/core/volume/plan-disk.test.ts"],
      because: "part of a path means the files under it",
    },
    { words: ["nothing-like-it"], files: [], because: "no file has that path" },
  ];
  for (const { words, files, because } of rows)
    it(`are ${files.length} files for [${words.join(" ")}] because ${because}`, () => {
      assert.deepEqual(
        chooseSuites(SUITES, words, { olderKubernetes: false }).flatMap((suite) => suite.files),
        files,
      );
    });

  it("leave out what skips itself on the newest Kubernetes, unless asked for it", async () => {
    const suites = await findSuites(ROOT);
    const has = (words: readonly string[], olderKubernetes: boolean): boolean =>
      chooseSuites(suites, words, { olderKubernetes }).some(({ files }) =>
        files.includes("test/cluster/lost-registration.test.ts"),
      );
    assert.deepEqual(
      [has([], false), has(["cluster"], false), has([], true), has(["cluster"], true)],
      [false, false, true, true],
    );
    assert.ok(has(["lost-reg"], false), "it says why it is skipped");
  });
});
