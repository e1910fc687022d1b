import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aDiskSpec, aDetail, agoMs, aReplica, aVolume, settings } from "../testing/objects.ts";
import { isGivenUp, isProvisioned, isResizingOffline } from "./observed-volume.ts";

describe("isGivenUp", () => {
  it("counts the attempts that failed, and none where no error is known", () => {
    const error = { kind: "CloudRejected", message: "", failure: "{}", time: agoMs(0) };
    const after = (retries: number | undefined): boolean =>
      isGivenUp(
        { settings: { ...settings, replicaAttachTries: 1 } },
        aReplica("node-a", {
          status: {
            state: "AttachmentFailed",
            ...(retries === undefined ? {} : { error: { ...error, retries } }),
          },
        }),
      );
    assert.deepEqual([undefined, 0, 1, 2].map(after), [false, false, true, true]);
  });
});

describe("isResizingOffline", () => {
  it("holds back the grants of a shared disk that is being grown", () => {
    const volume = (state: "Created" | "Updating", maxShares: number): boolean =>
      isResizingOffline(aVolume({ status: { state, detail: aDetail({ maxShares }) } }));
    assert.deepEqual(
      [volume("Updating", 2), volume("Updating", 1), volume("Created", 2)],
      [true, false, false],
    );
  });

  it("takes the requested shares while Azure has not reported the disk", () => {
    const isResizing = (maxShares: number): boolean => {
      const volume = aVolume({ spec: { disk: aDiskSpec({ maxShares }) }, status: { state: "Updating" } });
      assert.ok(volume.status);
      const { detail: _, ...status } = volume.status;
      return isResizingOffline({ ...volume, status });
    };
    assert.deepEqual([isResizing(1), isResizing(2)], [false, true]);
  });

  // No plan would end the growth.
  it("ends when the AzVolume is deleted by hand", () => {
    assert.equal(
      isResizingOffline(
        aVolume({ metadata: { deletionTimestamp: agoMs(0) }, status: { state: "Updating" } }),
      ),
      false,
    );
  });
});

describe("isProvisioned", () => {
  it("is true from the disk's creation until its deletion begins", () => {
    assert.equal(isProvisioned(aVolume()), true);
    assert.equal(isProvisioned(aVolume({ status: { state: "Deleting" } })), false);
  });
});
