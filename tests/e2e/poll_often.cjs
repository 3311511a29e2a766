// The CDK CLI looks every 5 s whether a stack is ready; a local AWS is ready sooner. Nothing else is changed.
const wait = globalThis.setTimeout;
globalThis.setTimeout = Object.assign((call, ms, ...rest) => wait(call, ms === 5000 ? 250 : ms, ...rest), wait);
