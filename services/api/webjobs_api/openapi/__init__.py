"""The OpenAPI document of the api: what each route takes and answers, declared beside one another."""
