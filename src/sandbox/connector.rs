//! The sandbox where the SDK looks for an HTTP client.

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;

use super::{Request, Response, Sandbox};

#[derive(Clone)]
struct Connector(Sandbox);

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Connector").field(&self.0.account()).finish()
    }
}

pub fn http_client(sandbox: Sandbox) -> SharedHttpClient {
    let connector = SharedHttpConnector::new(Connector(sandbox));
    http_client_fn(move |_, _| connector.clone())
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let sandbox = self.0.clone();
        HttpConnectorFuture::new(async move {
            if let Some(latency) = sandbox.latency() {
                tokio::time::sleep(latency).await;
            }
            let body = request.body().bytes().ok_or_else(|| ConnectorError::user("a streamed body".into()))?;
            match sandbox.answer(&Request::parse(body)) {
                Some(response) => http(response),
                // Of this kind, unlike a broken connection, so that the SDK does not call again by itself.
                None => Err(ConnectorError::other("the connection broke before the answer came".into(), None)),
            }
        })
    }
}

fn http(response: Response) -> Result<HttpResponse, ConnectorError> {
    let status = response.status.try_into().map_err(|error| ConnectorError::user(Box::new(error)))?;
    let mut http = HttpResponse::new(status, SdkBody::from(response.body));
    http.headers_mut().insert("content-type", "text/xml");
    http.headers_mut().insert("x-amzn-requestid", response.request_id);
    Ok(http)
}
