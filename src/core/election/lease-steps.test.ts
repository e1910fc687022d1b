import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  COUNTER_ANNOTATION,
  ETAG_WRITE_ANNOTATION,
  HEARTBEAT_DELAY_ANNOTATION,
  type Lease,
  STORE_INCARNATION_ANNOTATION,
  REBUILD_ANNOTATION,
} from "../api/lease.ts";
import { fromTimestamp } from "../primitives/timestamp.ts";
import { type HighWaterMark, highWaterMarkOf } from "../rollback/high-water-mark.ts";
import { aLease } from "../testing/a-lease.ts";
import { type LeaseWriter, newLease, releasedLease, renewedLease, acquiredLease } from "./lease-steps.ts";

const nowMs = fromTimestamp("2026-01-01T00:00:00.000Z");

function aWriter(remembered: Partial<HighWaterMark> = {}): LeaseWriter {
  return {
    identity: "b",
    leaseDurationMs: 15_000,
    nowMs,
    remembered: { incarnation: 0, counter: 0, ...remembered },
    etagWrite: "empty",
    heartbeatDelayMs: 0,
  };
}

describe("steps of the Lease", () => {
  it("acquiring names the new holder, counts a transition and keeps the counter", () => {
    const lease = aLease({ counter: 5, incarnation: 2 });
    assert.deepEqual(acquiredLease(lease, aWriter({ counter: 5, incarnation: 2 })), {
      ...lease,
      metadata: {
        ...lease.metadata,
        annotations: {
          [COUNTER_ANNOTATION]: "6",
          [STORE_INCARNATION_ANNOTATION]: "2",
          [REBUILD_ANNOTATION]: "0",
        },
      },
      spec: {
        holderIdentity: "b",
        leaseDurationSeconds: 15,
        renewTime: "2026-01-01T00:00:00.000Z",
        leaseTransitions: 4,
      },
    });
  });

  it("announces the present delay of heartbeats, and takes it back", () => {
    const announced = (lease: Lease): string | undefined =>
      lease.metadata.annotations?.[HEARTBEAT_DELAY_ANNOTATION];
    const delayed = renewedLease(aLease({}), { ...aWriter(), heartbeatDelayMs: 55_556 });
    assert.deepEqual(
      [
        announced(delayed),
        announced(acquiredLease(delayed, aWriter())),
        announced(renewedLease(aLease({}), aWriter())),
        newLease({ ...aWriter(), heartbeatDelayMs: 20_000 }, undefined).metadata.annotations[
          HEARTBEAT_DELAY_ANNOTATION
        ],
      ],
      ["55556", "0", undefined, "20000"],
    );
  });

  it("renewing raises the counter by one and changes neither holder nor transitions", () => {
    const lease = aLease({ counter: 5 });
    const renewed = renewedLease(lease, aWriter({ counter: 5 }));
    assert.deepEqual(
      [renewed.spec.holderIdentity, renewed.spec.leaseTransitions, highWaterMarkOf(renewed)],
      ["a", 3, { incarnation: 0, counter: 6 }],
    );
  });

  it("keeps the kind of write that moves an ETag, the larger one of both known", () => {
    const rows = [
      { known: "empty", shown: undefined, becomes: undefined },
      { known: "dataDisks", shown: undefined, becomes: "dataDisks" },
      { known: "empty", shown: "tag", becomes: "tag" },
      { known: "tag", shown: "dataDisks", becomes: "tag" },
      { known: "empty", shown: "unheard of", becomes: "unheard of" },
    ] as const;
    for (const { known, shown, becomes } of rows) {
      const { metadata, ...rest } = aLease({ counter: 5 });
      const annotations = {
        ...metadata.annotations,
        ...(shown === undefined ? {} : { [ETAG_WRITE_ANNOTATION]: shown }),
      };
      const lease = { ...rest, metadata: { ...metadata, annotations } };
      const writer = { ...aWriter({ counter: 5 }), etagWrite: known };
      assert.equal(renewedLease(lease, writer).metadata.annotations?.[ETAG_WRITE_ANNOTATION], becomes);
      assert.equal(acquiredLease(lease, writer).metadata.annotations?.[ETAG_WRITE_ANNOTATION], becomes);
    }
    assert.equal(
      newLease({ ...aWriter(), etagWrite: "tag" }, undefined).metadata.annotations[ETAG_WRITE_ANNOTATION],
      "tag",
    );
  });

  it("releasing leaves no holder and the shortest time", () => {
    const { spec } = releasedLease(aLease({ counter: 5 }), aWriter({ counter: 5 }));
    assert.deepEqual([spec.holderIdentity, spec.leaseDurationSeconds, spec.leaseTransitions], ["", 1, 3]);
  });

  // So no candidate acquires the Lease early.
  it("a duration is rounded up to whole seconds", () => {
    assert.equal(
      acquiredLease(aLease({}), { ...aWriter(), leaseDurationMs: 1_001 }).spec.leaseDurationSeconds,
      2,
    );
  });

  it("a writer of an older Lease marks an unused incarnation and keeps its counter", () => {
    for (const write of [acquiredLease, renewedLease, releasedLease]) {
      const written = write(
        aLease({ incarnation: 1, counter: 900 }),
        aWriter({ incarnation: 4, counter: 7 }),
      );
      assert.equal(written.metadata.annotations?.[REBUILD_ANNOTATION], "5");
      assert.deepEqual(highWaterMarkOf(written), { incarnation: 1, counter: 901, coming: 5 });
    }
    assert.deepEqual(
      highWaterMarkOf(
        renewedLease(aLease({ incarnation: 1, counter: 3 }), aWriter({ incarnation: 1, counter: 70 })),
      ),
      {
        incarnation: 1,
        counter: 71,
        coming: 2,
      },
    );
  });

  it("a mark for a later incarnation is left unchanged", () => {
    assert.equal(
      renewedLease(aLease({ counter: 3, mark: 9 }), aWriter({ counter: 70 })).metadata.annotations?.[
        REBUILD_ANNOTATION
      ],
      "9",
    );
  });

  it("the first Lease of an empty store has incarnation 0 and needs no rebuild", () => {
    assert.deepEqual(newLease(aWriter(), undefined), {
      metadata: { annotations: { [COUNTER_ANNOTATION]: "1", [STORE_INCARNATION_ANNOTATION]: "0" } },
      spec: {
        holderIdentity: "b",
        leaseDurationSeconds: 15,
        renewTime: "2026-01-01T00:00:00.000Z",
        leaseTransitions: 0,
      },
    });
  });

  // It asks to rebuild all records.
  it("a Lease recreated next to records continues from the highest incarnation", () => {
    const known: readonly (readonly [number, number])[] = [
      [3, 1],
      [1, 3],
    ];
    for (const [ofRecords, remembered] of known) {
      assert.deepEqual(
        newLease(aWriter({ incarnation: remembered, counter: 7 }), ofRecords).metadata.annotations,
        {
          [COUNTER_ANNOTATION]: "8",
          [STORE_INCARNATION_ANNOTATION]: "3",
          [REBUILD_ANNOTATION]: "4",
        },
      );
    }
  });

  it("renewing and releasing write the time and the duration", () => {
    const lease = aLease({
      counter: 5,
      spec: { leaseDurationSeconds: 60, renewTime: "2025-12-31T00:00:00.000Z" },
    });
    const { spec } = renewedLease(lease, aWriter({ counter: 5 }));
    assert.deepEqual([spec.leaseDurationSeconds, spec.renewTime], [15, "2026-01-01T00:00:00.000Z"]);
    assert.equal(releasedLease(lease, aWriter({ counter: 5 })).spec.renewTime, "2026-01-01T00:00:00.000Z");
  });

  it("the counter of a later incarnation counts alone", () => {
    const renewed = renewedLease(
      aLease({ incarnation: 2, counter: 3 }),
      aWriter({ incarnation: 1, counter: 7 }),
    );
    assert.deepEqual(highWaterMarkOf(renewed), { incarnation: 2, counter: 4 });
  });
});
