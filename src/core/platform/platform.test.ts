import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Platform, platformOf } from "./platform.ts";

const mount = { accessType: "mount", accessMode: "SINGLE_NODE_WRITER" } as const;
const block = { accessType: "block", accessMode: "SINGLE_NODE_WRITER" } as const;

describe("platformOf", () => {
  const rows: readonly {
    readonly because: string;
    readonly given: Parameters<typeof platformOf>[0];
    readonly platform: Platform | undefined;
  }[] = [
    { because: "the default is ext4", given: { capabilities: [mount] }, platform: "linux" },
    {
      because: "its parameters say so",
      given: { capabilities: [mount], fsType: "ntfs" },
      platform: "windows",
    },
    {
      because: "its capability says so, in any case",
      given: { capabilities: [block, { ...mount, fsType: "ReFS" }] },
      platform: "windows",
    },
    {
      because: "raw block is for Linux",
      given: { capabilities: [block], diskUri: "/disk" },
      platform: "linux",
    },
    {
      because: "a disk of others names none",
      given: { capabilities: [{ ...mount, fsType: "" }], diskUri: "/disk" },
      platform: undefined,
    },
  ];
  for (const { because, given, platform } of rows) {
    it(`${platform ?? "unknown"}: ${because}`, () => assert.equal(platformOf(given), platform));
  }
});
