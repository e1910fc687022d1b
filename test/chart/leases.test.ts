import assert from "node:assert/strict";
import { it } from "node:test";
import { CONTROLLER_LEASE } from "../../src/core/api/lease.ts";
import { type Manifest, renderChart } from "./render-chart.ts";
import { whyNoHelm } from "./run-helm.ts";

const BUILD_TIMEOUT_MS = 280_000;
/** In a namespace that is not the driver's own, other Leases say who runs the cluster. */
const OF_OTHERS = "kube-system";
/**
 * A Lease that is yet to be made has no name to ask for, nor has the kind as a whole, which is followed.
 * Others' can be read so, but not changed.
 */
const WITHOUT_A_NAME = ["create", "list", "watch"];

interface Rule {
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

it(
  "gives the driver the one Lease that its controllers hold, and no other's",
  { skip: (await whyNoHelm()) ?? false, timeout: BUILD_TIMEOUT_MS },
  async () => {
    const rules = rulesOf(await renderChart({ objectNamespace: OF_OTHERS }));
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
    assert.deepEqual(own.toSorted(), ["get", "get,update"]);
  },
);

it(
  "runs no sidecar that may do more than read the Lease of another driver",
  { skip: (await whyNoHelm()) ?? false, timeout: BUILD_TIMEOUT_MS },
  async () => {
    const manifests = await renderChart({});
    const workloads = manifests.flatMap(
      ({ spec }) =>
        (
          spec as {
            readonly template?: {
              readonly spec: { readonly containers: readonly { readonly name: string }[] };
            };
          }
        )?.template ?? [],
    );
    assert.deepEqual(
      workloads
        .flatMap(({ spec }) => spec.containers.map(({ name }) => name))
        .filter((name) => name.includes("snapshotter")),
      [],
    );
    const named = rulesOf(manifests).filter(({ resourceNames = [] }) =>
      resourceNames.includes("external-snapshotter-leader-disk-csi-azure-com"),
    );
    assert.deepEqual(
      named.map(({ verbs }) => verbs),
      [["get"]],
    );
  },
);

/** Rules of all roles that are about Leases. */
function rulesOf(manifests: readonly Manifest[]): readonly Rule[] {
  const roles = manifests.filter(({ kind }) => kind === "Role" || kind === "ClusterRole");
  return roles.flatMap((role) =>
    (role["rules"] as readonly Rule[]).filter(({ resources }) => resources.includes("leases")),
  );
}
