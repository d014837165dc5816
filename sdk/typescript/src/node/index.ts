// `@tracefoundry/sdk/node`: delivery from Node, incoming HTTP requests, and calls through fetch.
export { nodeMiddleware } from "./middleware.js";
export { quickStart, type Handle, type QuickStartOptions } from "./quick-start.js";
export { tracedFetch, type FetchOptions } from "./traced-fetch.js";
