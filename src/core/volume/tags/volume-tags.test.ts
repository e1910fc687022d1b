import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { volumeTags } from "./volume-tags.ts";

const own = { "k8s-azure-created-by": "kubernetes-azure-dd" };

function tagsOf(
  tags: string,
  overrides: Partial<Parameters<typeof volumeTags>[0]> = {},
): ReturnType<typeof volumeTags> {
  return volumeTags({ tags, tagValueDelimiter: undefined, metadata: {}, ...overrides });
}

describe("volumeTags", () => {
  it("reads pairs, values with an equals sign and spaces around them", () => {
    assert.deepEqual(tagsOf("team=storage, query = a=b ,empty="), {
      ok: true,
      value: { ...own, team: "storage", query: "a=b", empty: "" },
    });
  });

  it("takes commas in values under another delimiter", () => {
    assert.deepEqual(tagsOf("zones=1,2;team=storage", { tagValueDelimiter: ";" }), {
      ok: true,
      value: { ...own, zones: "1,2", team: "storage" },
    });
  });

  it("fills in the provisioner's facts about the claim, with any characters", () => {
    const metadata = { "csi.storage.k8s.io/pvc/name": "$&claim" };
    assert.deepEqual(tagsOf("for=${pvc.metadata.name}", { metadata }), {
      ok: true,
      value: { ...own, "kubernetes.io-created-for-pvc-name": "$&claim", for: "$&claim" },
    });
  });

  it("leaves room for the tags that name the disk's volume, and for its state", () => {
    const tags = (count: number): string => Array.from({ length: count }, (_, index) => `t${index}=1`).join();
    assert.equal(tagsOf(tags(38)).ok, true);
    const refused = tagsOf(tags(39));
    assert.ok(!refused.ok);
    assert.equal(refused.failure.value, "51 tags");
    assert.match(refused.failure.problem, /at most 50 tags, 12 of them the driver's own/u);
  });

  for (const [tags, problem, because] of [
    ["team", /name=value/u, "no equals sign"],
    ["a=1,,b=2", /name=value/u, "an empty pair"],
    ["=storage", /1 to 512 characters/u, "no name"],
    [`${"n".repeat(513)}=1`, /1 to 512 characters/u, "a long name"],
    ["a/b=1", /must not contain/u, "a character that Azure refuses"],
    [`team=${"v".repeat(257)}`, /at most 256 characters/u, "a long value"],
    ["Team=a,team=b", /twice/u, "Azure compares names without case"],
    ["K8s-Azure-Created-By=me", /sets itself/u, "the driver's own tag"],
    ["for=${pv.metadata.name}", /--extra-create-metadata/u, "the PV's name is unknown"],
    [
      Array.from({ length: 50 }, (_, index) => `t${index}=1`).join(","),
      /at most 50 tags/u,
      "more than Azure takes",
    ],
  ] as const) {
    it(`refuses: ${because}`, () => {
      const parsed = tagsOf(tags);
      assert.ok(!parsed.ok);
      assert.equal(parsed.failure.field, "parameters.tags");
      assert.match(parsed.failure.problem, problem);
    });
  }
});
