"""The api described for tools: OpenAPI, AsyncAPI, JSON Schemas, Swagger."""
