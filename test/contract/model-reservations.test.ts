import { reservationsContract } from "./host/reservations.ts";
import { makeModelSharingWorld } from "./worlds/model-sharing-world.ts";

reservationsContract("modelled host", makeModelSharingWorld, { timeout: 10_000 });
