import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { findCommand } from "../child/find-command.ts";
import { diskProgram, SCRIPT_BYTES_MAX } from "./disk-program.ts";

const python = await findCommand("python3");

/** What a function of the program returns of these arguments. */
async function called(name: string, args: readonly unknown[], named: object = {}): Promise<unknown> {
  const calls = `import json, sys
sys.argv[1:] = ['{"token": "t", "round": 1}', *sys.argv[1:]]
program = {"__name__": "program"}
exec(sys.argv[2], program)
print(json.dumps(program[sys.argv[3]](*json.loads(sys.argv[4]), **json.loads(sys.argv[5]))))`;
  const given = [args, named].map((each) => JSON.stringify(each));
  const { stdout } = await promisify(execFile)("python3", ["-c", calls, diskProgram, name, ...given]);
  return JSON.parse(stdout);
}

describe("the program in a VM", { skip: python === undefined && "needs python3" }, () => {
  const END_MS = 10_000;
  const times = ["landedMs", "seenMs"];
  const rows: readonly [
    because: string,
    seen: readonly (readonly number[])[],
    expected: readonly number[],
  ][] = [
    ["no block landed", [], [0, 0, 0, 0]],
    ["a block was seen before the end", [[9_000, 9_010, 8_999]], [0, 0, 9_000, 9_010]],
    ["a block was absent after the end", [[10_001, 10_010, 9_000]], [1, 0, 10_001, 10_010]],
    [
      "a block was issued after the end, and the watch lagged",
      [[9_000, 12_000, 10_001]],
      [1, 0, 10_001, 12_000],
    ],
    ["a block of before the end was seen late", [[9_000, 12_000, 9_001]], [0, 1, 9_001, 12_000]],
    [
      "one is late and one unsure",
      [
        [9_000, 11_000, 9_500],
        [9_000, 11_010, 10_500],
      ],
      [1, 1, 10_500, 11_010],
    ],
  ];
  for (const [because, seen, expected] of rows)
    it(`sums up that ${because}`, async () => {
      const { late, unsure, ...rest } = (await called("summary", [END_MS], {
        seen,
        last: seen.length,
      })) as Record<string, number>;
      assert.deepEqual([late, unsure, ...times.map((name) => rest[name])], expected);
      assert.equal(rest["last"], seen.length);
    });

  it("leaves half of what Azure takes of a script", () =>
    assert.ok(Buffer.byteLength(diskProgram) < SCRIPT_BYTES_MAX / 2));

  it("looks for contents also in the middle and at the end of a disk", async () => {
    const [mib, size] = [2 ** 20, 4 * 2 ** 30];
    const offsets = (await called("sampled_offsets", [size])) as readonly number[];
    assert.deepEqual(offsets.slice(0, 17), [...Array(16).keys()].map((part) => part * mib).concat(64 * mib));
    assert.equal(offsets.at(-1), size - mib);
    assert.ok(
      offsets.every((offset, index) => index === 0 || offset - Number(offsets[index - 1]) <= 64 * mib),
    );
  });

  const nothing = Array.from({ length: 16 }, () => 0);
  for (const [because, answer, expected] of [
    ["nothing", [0, 0, 0, 9, 0, 0, 0, 0, ...nothing], null],
    [
      "another VM's reservation",
      [0, 0, 0, 9, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0x12, 0x34, 0, 0, 0, 0, 0, 0x35, 0, 0],
      { key: 0x1234, type: 5 },
    ],
  ] as const)
    it(`reads of READ RESERVATION ${because}`, async () => {
      assert.deepEqual(await called("reservation_in", [answer]), expected);
    });

  it("says of what is no SCSI disk that it shows no reservation", async () => {
    assert.match(
      String(((await called("read_reservation", [0])) as { readonly refused: string }).refused),
      /^the disk is no SCSI disk, or shows no reservation: E[A-Z]+$/u,
    );
  });

  for (const [status, reason] of [
    [0x402, /0x402 CHECK CONDITION: the sense key is in the VM's kernel log/u],
    [0x4001, /0x4001 $/u],
  ] as const)
    it(`says what status 0x${status.toString(16)} means`, async () => {
      assert.match(String(await called("refusal_of", [status])), reason);
    });
});
