import { masks } from "./masks.ts";
import type { Mask, Mutation, SourceEdit } from "./mutation.ts";
import { azureMutations } from "./rules/azure-mutations.ts";
import { copyMutations } from "./rules/copy-mutations.ts";
import { deviceMutations } from "./rules/device-mutations.ts";
import { driverMutations } from "./rules/driver-mutations.ts";
import { labelMutations } from "./rules/label-mutations.ts";
import { modificationMutations } from "./rules/modification-mutations.ts";
import { protocolMutations } from "./rules/protocol-mutations.ts";
import { releaseMutations } from "./rules/release-mutations.ts";
import { renamedMutations } from "./rules/renamed-mutations.ts";
import { reservationMutations } from "./rules/reservation-mutations.ts";
import { reviewMutations } from "./rules/review-mutations.ts";
import { sharedMutations } from "./rules/shared-mutations.ts";
import { snapshotMutations } from "./rules/snapshot-mutations.ts";
import { trustMutations } from "./rules/trust-mutations.ts";

/** Every rule whose absence the simulation has to notice. */
export const mutations: readonly Mutation[] = [
  ...protocolMutations,
  ...releaseMutations,
  ...driverMutations,
  ...deviceMutations,
  ...trustMutations,
  ...reviewMutations,
  ...azureMutations,
  ...snapshotMutations,
  ...copyMutations,
  ...modificationMutations,
  ...sharedMutations,
  ...labelMutations,
  ...reservationMutations,
  ...renamedMutations,
];

/** The mutation of a name. Throws an error that lists all names if there is none. */
export function mutationNamed(name: string): Mutation {
  const mutation = mutations.find((other) => other.name === name);
  if (mutation === undefined)
    throw new Error(`there is no mutation ${name}: ${mutations.map((other) => other.name).join(", ")}`);
  return mutation;
}

/** All edits of a mutation: its own, and those of what would mask it. */
export function editsOf(mutation: Mutation): readonly SourceEdit[] {
  return [mutation, ...masksOf(mutation)].flatMap(({ edits }) => edits);
}

function masksOf({ alsoRemoves = [] }: Mutation): readonly Mask[] {
  return masks.filter(({ name }) => alsoRemoves.includes(name));
}

/** What a mutation removes, with what would mask it: a line each. */
export function describeMutation(mutation: Mutation): string {
  const also = masksOf(mutation).map(({ name, removes }) => `\n    and ${name}: ${removes}`);
  return `${mutation.name}: ${mutation.removes}${also.join("")}`;
}
