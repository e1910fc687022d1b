import { resourceUriKey } from "../../src/core/azure/ids/disk-uri.ts";
import { isStranger, strangersByUri } from "./strangers.ts";
import {
  type InstanceKind,
  type InstancePlace,
  instancePlaceOf,
  instanceUriAt,
  scaleSetNameOf,
} from "./vm-names.ts";

/** Instance ids of two lengths: `…_1` also begins `…_10`. */
const FIRST_INSTANCE_ID = 9;

/** Which VMs have, or have had, the names of a cluster's nodes. */
export interface NodeInstances {
  /** The VM that has a node's name now. */
  placeOf(nodeName: string): InstancePlace;
  /** Its resource id. */
  uriOf(nodeName: string): string;
  /** The node that a VM is; undefined if it is none, or another VM has its name by now. */
  nodeNameAt(instanceUri: string): string | undefined;
  /** Another VM, with another resource id, has the node's name from now on. */
  moveName(nodeName: string): void;
  /** The VM of `next`, which has none, has the resource id that the VM of `nodeName` had. */
  reuse(nodeName: string, next: string): void;
}

interface Instance {
  readonly nth: number;
  readonly place: InstancePlace;
  readonly uri: string;
}

/** The first VMs of all nodes. `prefix`: see `instancePlaceOf`. */
export function createNodeInstances(
  prefix: string | undefined,
  kindOf: (nodeName: string) => InstanceKind,
): NodeInstances {
  const present = new Map<string, Instance>();
  /** By resource id, whether or not the VM still has the name. */
  const nodeNames = new Map(strangersByUri);
  let nextInstanceId = FIRST_INSTANCE_ID;

  function instanceOf(nodeName: string): Instance {
    return present.get(nodeName) ?? take(nodeName, 1);
  }

  function placeOf(nodeName: string, nth: number): InstancePlace {
    if (isStranger(nodeName)) return instancePlaceOf(nodeName, nth);
    return kindOf(nodeName) === "uniform"
      ? { scaleSetName: scaleSetNameOf("uniform", prefix), instanceName: String(nextInstanceId++) }
      : instancePlaceOf(nodeName, nth, prefix);
  }

  function take(nodeName: string, nth: number, place = placeOf(nodeName, nth)): Instance {
    const uri = instanceUriAt(place);
    const instance = { nth, place, uri };
    present.set(nodeName, instance);
    nodeNames.set(resourceUriKey(uri), nodeName);
    return instance;
  }

  return {
    placeOf: (nodeName) => instanceOf(nodeName).place,
    uriOf: (nodeName) => instanceOf(nodeName).uri,
    nodeNameAt: (instanceUri) => {
      const key = resourceUriKey(instanceUri);
      const nodeName = nodeNames.get(key);
      return nodeName !== undefined && resourceUriKey(instanceOf(nodeName).uri) === key
        ? nodeName
        : undefined;
    },
    reuse: (nodeName, next) => {
      const { nth, place } = instanceOf(nodeName);
      take(nodeName, nth + 1);
      take(next, (present.get(next)?.nth ?? 0) + 1, place);
    },
    moveName: (nodeName) => void take(nodeName, instanceOf(nodeName).nth + 1),
  };
}
