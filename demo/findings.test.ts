import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { describeStaleWriter, type Findings, judge, type StaleWriter, summary } from "./findings.ts";

const withoutDevices = {
  phases: [{ name: "graceful: NodeStageVolume", ms: 3, armCalls: 0 }],
  replicated: { gracefulMs: 3, armCallsOnPath: 0, forcedMs: 5 },
  plain: { gracefulMs: 7, armCallsOnPath: 2 },
  checksums: [],
  staleWriter: "not tried",
  replicasKept: true,
  leaked: 0,
} as const;
const blocked: StaleWriter = {
  fsync: "EIO",
  diskUnchanged: true,
  fileSystem: "clean",
  restartedContainer: "EROFS",
};
const withDevices = { ...withoutDevices, checksums: [true, true], staleWriter: blocked } as const;

describe("the demo's findings", () => {
  it("say of what was left out that it was not tried, as text and as JSON", () => {
    const findings = judge(withoutDevices);
    const { ok, checksumsHeld, staleWriterBlocked, staleWriter } = JSON.parse(
      JSON.stringify(findings),
    ) as typeof findings;
    assert.deepEqual(
      [ok, checksumsHeld, staleWriterBlocked, staleWriter],
      [true, "not tried", "not tried", "not tried"],
    );
    const text = summary(findings, 1_000);
    assert.match(text, /every synced byte was there: not tried; the stale writer was blocked: not tried;/u);
    assert.match(text, /All that was tried is as it should be, in 1\.0 s\./u);
  });

  it("say of what was tried how it came out", () => {
    const findings = judge(withDevices);
    assert.deepEqual([findings.ok, findings.checksumsHeld, findings.staleWriterBlocked], [true, true, true]);
    assert.match(summary(findings, 1_000), /there: yes; .* blocked: yes; .*\n {2}All as it should be, in/u);
  });

  for (const [name, wrong] of Object.entries({
    "a lost byte": { checksums: [true, false] },
    "a stale writer that writes": { staleWriter: { ...blocked, diskUnchanged: false } },
    "a recreated replica": { replicasKept: false },
    "something left behind": { leaked: 1 },
    "a call to Azure": { replicated: { gracefulMs: 3, armCallsOnPath: 1, forcedMs: 5 } },
  }))
    it(`are not as they should be with ${name}`, () => {
      const findings = judge({ ...withDevices, ...wrong });
      assert.equal(findings.ok, false);
      assert.match(summary(findings, 1_000), /NOT as it should be/u);
    });

  const parts: readonly (readonly [change: Partial<StaleWriter>, text: RegExp, isBlocked: boolean])[] = [
    [{}, /fsync answered EIO; the disk is unchanged; e2fsck -fn says clean; .* there finds EROFS$/u, true],
    [{ fsync: "EROFS" }, /fsync answered EROFS;/u, true],
    [{ fsync: "EBADF" }, /fsync answered EBADF;/u, false],
    [{ diskUnchanged: false }, /the disk is CHANGED;/u, false],
    [{ fileSystem: "Bad magic" }, /e2fsck -fn says NOT CLEAN \(Bad magic\);/u, false],
    [{ restartedContainer: "none" }, /there WRITES BESIDE THE DISK$/u, false],
    [{ restartedContainer: "ENOENT" }, /there finds ENOENT$/u, false],
  ];
  for (const [change, text, isBlocked] of parts)
    it(`say that a stale writer was ${isBlocked ? "" : "not "}blocked: ${JSON.stringify(change)}`, () => {
      const staleWriter = { ...blocked, ...change };
      const findings = JSON.parse(JSON.stringify(judge({ ...withDevices, staleWriter }))) as Findings;
      assert.deepEqual([findings.staleWriterBlocked, findings.staleWriter], [isBlocked, staleWriter]);
      assert.match(describeStaleWriter(staleWriter), text);
      assert.equal(summary(findings, 1_000).includes(describeStaleWriter(staleWriter)), !isBlocked);
    });
});
