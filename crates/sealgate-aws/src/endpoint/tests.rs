use super::{
    EndpointError, Partition, Pattern, Signing, infer, is_aws_host, resolve, signing_host,
};

/// Host, service, region (`-` for none), partition, pattern.
#[rustfmt::skip]
const TABLE: &[(&str, &str, &str, Partition, Pattern)] = &[
    ("aws-mcp.us-east-1.api.aws", "aws-mcp", "us-east-1", Partition::Aws, Pattern::DualStack),
    ("eks-mcp.us-west-2.api.aws", "eks-mcp", "us-west-2", Partition::Aws, Pattern::DualStack),
    ("ecs-mcp.eu-west-1.api.aws", "ecs-mcp", "eu-west-1", Partition::Aws, Pattern::DualStack),
    ("sagemaker-unified-studio-mcp.us-east-1.api.aws", "sagemaker-unified-studio-mcp", "us-east-1", Partition::Aws, Pattern::DualStack),
    ("agentaccess-mcp.us-west-2.api.aws", "agentaccess-mcp", "us-west-2", Partition::Aws, Pattern::DualStack),
    ("partnercentral-agents-mcp.us-east-1.api.aws", "partnercentral-agents-mcp", "us-east-1", Partition::Aws, Pattern::DualStack),
    ("AWS-MCP.US-EAST-1.API.AWS", "aws-mcp", "us-east-1", Partition::Aws, Pattern::DualStack),
    ("aws-mcp.us-east-1.api.aws.", "aws-mcp", "us-east-1", Partition::Aws, Pattern::DualStack),
    ("aws-mcp.us-east-1.api.aws:443", "aws-mcp", "us-east-1", Partition::Aws, Pattern::DualStack),
    ("aws-mcp-fips.us-east-1.api.aws", "aws-mcp", "us-east-1", Partition::Aws, Pattern::DualStack),
    ("bedrock-agentcore.us-east-1.amazonaws.com", "bedrock-agentcore", "us-east-1", Partition::Aws, Pattern::Regional),
    ("bedrock-agentcore.us-east-1.api.aws", "bedrock-agentcore", "us-east-1", Partition::Aws, Pattern::DualStack),
    ("bedrock-agentcore-fips.us-east-1.amazonaws.com", "bedrock-agentcore", "us-east-1", Partition::Aws, Pattern::Regional),
    ("bedrock-agentcore-control.us-east-1.amazonaws.com", "bedrock-agentcore", "us-east-1", Partition::Aws, Pattern::Regional),
    ("bedrock-agentcore.cn-north-1.amazonaws.com.cn", "bedrock-agentcore", "cn-north-1", Partition::China, Pattern::Regional),
    ("bedrock-agentcore.cn-north-1.api.amazonwebservices.com.cn", "bedrock-agentcore", "cn-north-1", Partition::China, Pattern::DualStack),
    ("bedrock-agentcore.eusc-de-east-1.amazonaws.eu", "bedrock-agentcore", "eusc-de-east-1", Partition::EuropeanSovereign, Pattern::Regional),
    ("bedrock-agentcore.eusc-de-east-1.api.amazonwebservices.eu", "bedrock-agentcore", "eusc-de-east-1", Partition::EuropeanSovereign, Pattern::DualStack),
    ("bedrock-agentcore.us-gov-west-1.amazonaws.com", "bedrock-agentcore", "us-gov-west-1", Partition::GovCloud, Pattern::Regional),
    ("bedrock-agentcore.us-gov-west-1.api.aws", "bedrock-agentcore", "us-gov-west-1", Partition::GovCloud, Pattern::DualStack),
    ("gw-abc.gateway.bedrock-agentcore.eu-central-1.amazonaws.com", "bedrock-agentcore", "eu-central-1", Partition::Aws, Pattern::AgentCoreGateway),
    ("gw-abc.gateway.bedrock-agentcore.eu-central-1.api.aws", "bedrock-agentcore", "eu-central-1", Partition::Aws, Pattern::AgentCoreGateway),
    ("vpce-0a1b-c2d3.bedrock-agentcore.us-east-1.vpce.amazonaws.com", "bedrock-agentcore", "us-east-1", Partition::Aws, Pattern::VpcEndpoint),
    ("vpce-0a1b-c2d3-us-east-1a.execute-api.us-east-1.vpce.amazonaws.com", "execute-api", "us-east-1", Partition::Aws, Pattern::VpcEndpoint),
    ("vpce-0a1b-c2d3.gateway.bedrock-agentcore.us-east-1.vpce.amazonaws.com", "bedrock-agentcore", "us-east-1", Partition::Aws, Pattern::VpcEndpoint),
    ("vpce-0a1b-c2d3.bedrock-runtime.us-east-1.vpce.amazonaws.com", "bedrock", "us-east-1", Partition::Aws, Pattern::VpcEndpoint),
    ("bucket.vpce-0a1b-c2d3.s3.us-east-1.vpce.amazonaws.com", "s3", "us-east-1", Partition::Aws, Pattern::VpcEndpoint),
    ("vpce-0a1b.lambda.cn-north-1.vpce.amazonaws.com.cn", "lambda", "cn-north-1", Partition::China, Pattern::VpcEndpoint),
    ("abc.lambda-url.us-east-1.on.aws", "lambda", "us-east-1", Partition::Aws, Pattern::LambdaUrl),
    ("abc.lambda-url.us-gov-east-1.on.aws", "lambda", "us-gov-east-1", Partition::GovCloud, Pattern::LambdaUrl),
    ("abc.execute-api.us-east-1.amazonaws.com", "execute-api", "us-east-1", Partition::Aws, Pattern::ExecuteApi),
    ("abc-vpce-0a.execute-api.us-east-1.amazonaws.com", "execute-api", "us-east-1", Partition::Aws, Pattern::ExecuteApi),
    ("abc.execute-api.cn-northwest-1.amazonaws.com.cn", "execute-api", "cn-northwest-1", Partition::China, Pattern::ExecuteApi),
    ("abc.execute-api.us-east-1.api.aws", "execute-api", "us-east-1", Partition::Aws, Pattern::ExecuteApi),
    ("svc-0a.1b.vpc-lattice-svcs.us-west-2.on.aws", "vpc-lattice-svcs", "us-west-2", Partition::Aws, Pattern::VpcLattice),
    ("runtime.sagemaker.us-east-1.amazonaws.com", "sagemaker", "us-east-1", Partition::Aws, Pattern::SageMaker),
    ("runtime-fips.sagemaker.us-east-1.amazonaws.com", "sagemaker", "us-east-1", Partition::Aws, Pattern::SageMaker),
    ("fips.eks.us-east-1.amazonaws.com", "eks", "us-east-1", Partition::Aws, Pattern::Regional),
    ("lambda.us-east-1.amazonaws.com", "lambda", "us-east-1", Partition::Aws, Pattern::Regional),
    ("bedrock-runtime.ap-southeast-2.amazonaws.com", "bedrock", "ap-southeast-2", Partition::Aws, Pattern::Regional),
    ("bedrock-runtime-fips.us-east-1.amazonaws.com", "bedrock", "us-east-1", Partition::Aws, Pattern::Regional),
    ("sts.amazonaws.com", "sts", "us-east-1", Partition::Aws, Pattern::Global),
    ("bucket.name.s3.us-east-1.amazonaws.com", "s3", "us-east-1", Partition::Aws, Pattern::S3),
    ("lambda.us-isob-east-1.api.aws.scloud", "lambda", "us-isob-east-1", Partition::Isolated, Pattern::DualStack),
    ("lambda.us-isof-south-1.api.aws.hci.ic.gov", "lambda", "us-isof-south-1", Partition::Isolated, Pattern::DualStack),
    ("lambda.us-iso-east-1.c2s.ic.gov", "lambda", "us-iso-east-1", Partition::Isolated, Pattern::Regional),
    ("knowledge-mcp.global.api.aws", "knowledge-mcp", "-", Partition::Aws, Pattern::Public),
];

#[test]
fn every_official_pattern_tells_its_service_region_and_partition() {
    for &(host, service, region, partition, pattern) in TABLE {
        let found = infer(host).unwrap_or_else(|| panic!("{host} matched nothing"));
        assert_eq!(found.service, service, "{host}");
        assert_eq!(found.region.as_deref().unwrap_or("-"), region, "{host}");
        assert_eq!(found.partition, partition, "{host}");
        assert_eq!(found.pattern, pattern, "{host}");
        assert_eq!(found.fips, host.contains("fips"), "{host}");
        assert!(is_aws_host(host), "{host}");
    }
}

#[test]
fn hosts_outside_of_the_table_are_not_guessed_at() {
    for host in [
        "",
        ".",
        "localhost",
        "127.0.0.1",
        "[::1]:8080",
        "my-mcp.example.com",
        "amazonaws.com",
        "api.aws",
        ".api.aws",
        "aws-mcp..api.aws",
        "aws-mcp.us-east-1.api.aws.example.com",
        "aws-mcp.us-east-1.evilapi.aws",
        "bedrock-agentcore.us-east-1.notamazonaws.com",
        "a.b.c.d.us-east-1.amazonaws.com",
        "abc.lambda-url.nowhere.on.aws",
        "lambda.us-east.amazonaws.com",
        "unknown.amazonaws.com",
        "us-east-1.amazonaws.com",
    ] {
        assert_eq!(infer(host), None, "{host}");
    }
}

#[test]
fn an_endpoint_open_to_all_is_never_signed_for() {
    let open = infer("knowledge-mcp.global.api.aws").unwrap();
    assert_eq!(open.signing, Signing::Never);
    assert!(matches!(
        resolve("knowledge-mcp.global.api.aws", Some("aws-mcp"), Some("us-east-1")),
        Err(EndpointError::NeverSigned { .. })
    ));
}

#[test]
fn explicit_settings_win_over_the_name() {
    let scope = resolve("aws-mcp.us-east-1.api.aws", Some("other"), Some("eu-west-1")).unwrap();
    assert_eq!((&*scope.service, &*scope.region), ("other", "eu-west-1"));
    let scope = resolve("mcp.example.com", Some("execute-api"), Some("eu-west-1")).unwrap();
    assert_eq!((&*scope.service, &*scope.region), ("execute-api", "eu-west-1"));
}

#[test]
fn what_is_missing_is_named() {
    assert!(matches!(
        resolve("mcp.example.com", None, Some("eu-west-1")),
        Err(EndpointError::ServiceUnknown { host }) if host == "mcp.example.com"
    ));
    assert!(matches!(
        resolve("mcp.example.com", Some("lambda"), None),
        Err(EndpointError::RegionUnknown { .. })
    ));
    assert!(matches!(
        resolve("other.global.api.aws", None, None),
        Err(EndpointError::RegionUnknown { .. })
    ));
}

#[test]
fn the_signing_host_is_what_the_wire_carries() {
    for (given, secure, expected) in [
        ("AWS-MCP.us-east-1.api.aws.", true, "aws-mcp.us-east-1.api.aws"),
        ("host.example:443", true, "host.example"),
        ("host.example:80", true, "host.example:80"),
        ("host.example:80", false, "host.example"),
        ("host.example:8443", true, "host.example:8443"),
        ("[::1]:8080", false, "[::1]:8080"),
        ("[::1]", false, "[::1]"),
    ] {
        assert_eq!(signing_host(given, secure), expected, "{given}");
    }
}

#[test]
fn partitions_have_the_names_that_stand_in_arns() {
    assert_eq!(Partition::China.as_str(), "aws-cn");
    assert_eq!(
        infer("lambda.us-gov-east-1.amazonaws.com").unwrap().partition.as_str(),
        "aws-us-gov"
    );
    assert_eq!(Pattern::LambdaUrl.to_string(), "{id}.lambda-url.{region}.on.aws");
}
