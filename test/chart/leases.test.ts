import assert from "node:assert/strict";
import { it } from "node:test";
import { CONTROLLER_LEASE } from "../../src/core/api/lease.ts";
import { type Manifest, renderChart } from "./render-chart.ts";
import { whyNoHelm } from "./run-helm.ts";

const BUILD_TIMEOUT_MS = 1_500_000;
/** In another namespace than the driver's own, other Leases show which component runs the cluster. */
const OF_OTHERS = "kube-system";
const SNAPSHOTTER_LEASE = "external-snapshotter-leader-disk-csi-azure-com";
/**
 * A right to create or to watch cannot be limited to a name. Other Leases can therefore be read, but not
 * changed.
 */
const WITHOUT_A_NAME = ["create", "list", "watch"];

interface Rule {
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

it(
  "lets the driver write only the Lease that its controllers hold",
  { skip: (await whyNoHelm()) ?? false, timeout: BUILD_TIMEOUT_MS },
  async () => {
    const rules = rolesOf(await renderChart({ objectNamespace: OF_OTHERS })).flatMap(rulesIn);
    const free = rules
      .filter(({ resourceNames }) => resourceNames === undefined)
      .flatMap(({ verbs }) => verbs);
    assert.deepEqual(
      free.filter((verb) => !WITHOUT_A_NAME.includes(verb)),
      [],
    );
    const own = rules
      .filter(({ resourceNames = [] }) => resourceNames.includes(CONTROLLER_LEASE))
      .map(({ verbs }) => verbs.join());
    // Node plug-ins and people read it.
    assert.deepEqual(own.toSorted(), ["get", "get", "get,update"]);
  },
);

it(
  "gives sidecars no write access to the Lease that identifies another driver",
  { skip: (await whyNoHelm()) ?? false, timeout: BUILD_TIMEOUT_MS },
  async () => {
    for (const { isEnabled, verbs } of [
      { isEnabled: false, verbs: [] },
      { isEnabled: true, verbs: [["get", "update"]] },
    ]) {
      const roles = rolesOf(await renderChart({ snapshot: { enabled: isEnabled } }));
      const verbsIn = (isThere: (namespace: string | undefined) => boolean): readonly (readonly string[])[] =>
        roles
          .filter(({ metadata }) => isThere(metadata.namespace))
          .flatMap((role) => rulesIn(role))
          .filter(({ resourceNames = [] }) => resourceNames.includes(SNAPSHOTTER_LEASE))
          .map((rule) => rule.verbs);
      assert.deepEqual(
        verbsIn((namespace) => namespace === OF_OTHERS),
        [["get"]],
      );
      assert.deepEqual(
        verbsIn((namespace) => namespace !== OF_OTHERS),
        verbs,
      );
    }
  },
);

it(
  "refuses csi-snapshotter where its Lease would identify another driver",
  { skip: (await whyNoHelm()) ?? false, timeout: BUILD_TIMEOUT_MS },
  async () => {
    await assert.rejects(
      renderChart({ objectNamespace: OF_OTHERS, snapshot: { enabled: true } }),
      /in kube-system that Lease is the mark of a V1 driver/u,
    );
    const never = { enabled: true, snapshotter: "never" };
    const rules = rolesOf(await renderChart({ objectNamespace: OF_OTHERS, snapshot: never })).flatMap(
      rulesIn,
    );
    assert.ok(
      !rules.some(
        ({ resourceNames = [], verbs }) =>
          resourceNames.includes(SNAPSHOTTER_LEASE) && verbs.includes("update"),
      ),
    );
  },
);

function rolesOf(manifests: readonly Manifest[]): readonly Manifest[] {
  return manifests.filter(({ kind }) => kind === "Role" || kind === "ClusterRole");
}

/** The rules of a role that cover Leases. */
function rulesIn(role: Manifest): readonly Rule[] {
  return (role["rules"] as readonly Rule[]).filter(({ resources }) => resources.includes("leases"));
}
