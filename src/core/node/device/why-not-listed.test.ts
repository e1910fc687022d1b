import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { diskUri } from "../../testing/objects.ts";
import { whyNotListed } from "./why-not-listed.ts";

const otherUri = diskUri.replace("pvc-1", "pvc-2");
const expected = { lun: 3, diskUri };

describe("whyNotListed", () => {
  for (const { lists, listed, why } of [
    { lists: "the disk there", listed: [{ lun: 0, diskUri: otherUri }, expected], why: undefined },
    {
      lists: "it in another case",
      listed: [{ lun: 3, diskUri: diskUri.toUpperCase() }],
      why: undefined,
    },
    { lists: "nothing", listed: [], why: "lists no disk at LUN 3" },
    { lists: "another elsewhere", listed: [{ lun: 5, diskUri: otherUri }], why: "lists no disk at LUN 3" },
    {
      lists: "another disk there",
      listed: [{ lun: 3, diskUri: otherUri }],
      why: `lists ${otherUri} at LUN 3`,
    },
    {
      lists: "the disk elsewhere",
      listed: [
        { lun: 3, diskUri: otherUri },
        { lun: 5, diskUri },
      ],
      why: `lists ${otherUri} at LUN 3, and that disk at LUN 5`,
    },
    {
      lists: "an unmanaged disk there",
      listed: [{ lun: 3, diskUri: undefined }],
      why: "lists a disk that is no managed one at LUN 3",
    },
    {
      lists: "two disks there",
      listed: [expected, { lun: 3, diskUri: otherUri }],
      why: `lists ${diskUri} and ${otherUri} at LUN 3`,
    },
  ])
    it(`says ${why === undefined ? "nothing" : "what is there"} where the metadata list ${lists}`, () =>
      assert.equal(whyNotListed(listed, expected), why));
});
